/** Linux's capabilities in the order of their numbers. linux/capability.h; CAP_CHECKPOINT_RESTORE is the last. */
export const CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
];

/** A list with its single `all` or `none`, in any case, replaced by what it means. */
export function expandCapabilities(names: readonly string[]): readonly string[] {
  const [only] = names;
  if (names.length !== 1 || only === undefined) return names;
  switch (only.toLowerCase()) {
    case 'all':
      return CAPABILITIES;
    case 'none':
      return [];
    default:
      return names;
  }
}

/** What is wrong with an entry of a capability list of `count` entries, or undefined. */
export function capabilityProblem(name: string, count: number): string | undefined {
  if (CAPABILITIES.includes(name)) return undefined;
  if (/^(?:all|none)$/i.test(name)) {
    return count === 1 ? undefined : `"${name}" must be the only entry of its list`;
  }
  const upper = name.toUpperCase();
  const meant = CAPABILITIES.find((known) => known === upper || known === `CAP_${upper}`);
  return `unknown capability: ${name}${meant === undefined ? '' : `: did you mean "${meant}"?`}`;
}
