/** LinuxKit's /etc/containerd/runtime-config.toml: three texts, all optional. */
export interface ContainerdOptions {
  readonly arguments: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
}

/** The subset of TOML that such a file uses: `key = "text"` lines and comments. */
export function parseContainerdOptions(text: string, log: string): ContainerdOptions {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\s*(cliopts|stdout|stderr)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)')\s*(?:#.*)?$/.exec(
      line,
    );
    const value = match?.[2]?.replace(/\\(["\\])/g, '$1') ?? match?.[3];
    if (match?.[1] !== undefined && value !== undefined) values.set(match[1], value);
  }
  return {
    arguments: (values.get('cliopts') ?? '').split(/\s+/).filter((argument) => argument !== ''),
    stdout: values.get('stdout') || log,
    stderr: values.get('stderr') || log,
  };
}
