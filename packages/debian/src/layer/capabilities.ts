/** Names in the order of their numbers. linux/capability.h. */
const IN_ORDER = [
  ...['chown', 'dac_override', 'dac_read_search', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid', 'setpcap'],
  ...[
    'linux_immutable',
    'net_bind_service',
    'net_broadcast',
    'net_admin',
    'net_raw',
    'ipc_lock',
    'ipc_owner',
  ],
  ...[
    'sys_module',
    'sys_rawio',
    'sys_chroot',
    'sys_ptrace',
    'sys_pacct',
    'sys_admin',
    'sys_boot',
    'sys_nice',
  ],
  ...[
    'sys_resource',
    'sys_time',
    'sys_tty_config',
    'mknod',
    'lease',
    'audit_write',
    'audit_control',
    'setfcap',
  ],
  ...['mac_override', 'mac_admin', 'syslog', 'wake_alarm', 'block_suspend', 'audit_read', 'perfmon', 'bpf'],
  'checkpoint_restore',
];

/** `CAP_CHOWN` and so on, as image YAMLs write them. */
export const CAPABILITY_NAMES: readonly string[] = IN_ORDER.map((name) => `CAP_${name.toUpperCase()}`);

/** linux/capability.h: VFS_CAP_REVISION_2, with the bit that makes the permitted ones effective at once. */
const REVISION_2_EFFECTIVE = 0x0200_0001;

/** The value of the extended attribute `security.capability` that permits these, effective at once. */
export function encodeFileCapabilities(names: readonly string[]): Uint8Array {
  const permitted = [0, 0];
  for (const name of names) {
    const bit = CAPABILITY_NAMES.indexOf(name);
    const word = bit >> 5;
    permitted[word] = ((permitted[word] ?? 0) | (1 << (bit & 31))) >>> 0;
  }
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, REVISION_2_EFFECTIVE, true);
  // struct vfs_cap_data: pairs of permitted and inheritable, low word first.
  view.setUint32(4, permitted[0] ?? 0, true);
  view.setUint32(12, permitted[1] ?? 0, true);
  return bytes;
}
