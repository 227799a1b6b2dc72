/** The kernel's command line, in the parts that init looks at. */
export interface KernelOptions {
  /** `linuxkit.unified_cgroup_hierarchy=0` asks for cgroup v1 (LinuxKit docs/cmdline.md). */
  readonly cgroups: 'unified' | 'legacy';
  /** `linuxkit.runc_debug=1`: runc says what it does. */
  readonly runcDebug: boolean;
  /** `linuxkit.runc_console=1`: onboot containers write to the console as they run. */
  readonly runcConsole: boolean;
}

/** The options that LinuxKit gives its init. */
export function parseKernelOptions(commandLine: string): KernelOptions {
  const options = new Map<string, string>();
  for (const word of commandLine.trim().split(/\s+/)) {
    const equals = word.indexOf('=');
    if (equals > 0) options.set(word.slice(0, equals), word.slice(equals + 1));
  }
  return {
    cgroups: options.get('linuxkit.unified_cgroup_hierarchy') === '0' ? 'legacy' : 'unified',
    runcDebug: options.get('linuxkit.runc_debug') === '1',
    runcConsole: options.get('linuxkit.runc_console') === '1',
  };
}
