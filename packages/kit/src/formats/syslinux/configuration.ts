/** What syslinux and isolinux read: one entry, started at once. Paths are those of the medium. */
export function syslinuxConfiguration(entry: {
  readonly kernel: string;
  readonly initrd: string;
  readonly cmdline: string;
}): string {
  return [
    'DEFAULT linux',
    'SERIAL 0 115200',
    'PROMPT 0',
    'TIMEOUT 0',
    'LABEL linux',
    `  KERNEL ${entry.kernel}`,
    `  INITRD ${entry.initrd}`,
    `  APPEND ${entry.cmdline}`,
    '',
  ].join('\n');
}
