import { execFile } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fetchText } from '../harness/fetch-text.ts';
import { freePort } from '../harness/free-port.ts';
import { Workshop } from '../harness/orlop.ts';

const run = promisify(execFile);

/** What `orlop run` is given for each format (the end of a name), and how it is unpacked where it is packed. */
const formats: readonly { format: string; runs: string; unpack?: (base: string) => Promise<unknown> }[] = [
  { format: 'kernel+initrd', runs: '' },
  { format: 'kernel+squashfs', runs: '' },
  { format: 'kernel+erofs', runs: '' },
  { format: 'kernel+ext4', runs: '' },
  { format: 'kernel+iso', runs: '' },
  { format: 'iso-bios', runs: '.iso' },
  { format: 'iso-efi', runs: '-efi.iso' },
  { format: 'iso-efi-initrd', runs: '-efi-initrd.iso' },
  { format: 'raw-bios', runs: '-bios.img' },
  { format: 'raw-efi', runs: '-efi.img' },
  { format: 'aws', runs: '.raw' },
  { format: 'qcow2-bios', runs: '.qcow2' },
  { format: 'qcow2-efi', runs: '-efi.qcow2' },
  { format: 'vhd', runs: '.vhd' },
  { format: 'dynamic-vhd', runs: '.vhd' },
  { format: 'vhdx', runs: '.vhdx' },
  { format: 'vdi', runs: '.vdi' },
  { format: 'vmdk', runs: '.vmdk' },
  { format: 'vmdk-sparse', runs: '-sparse.vmdk' },
  {
    format: 'gcp',
    runs: '-disk.raw',
    unpack: (base) =>
      run('tar', [
        '-C',
        dirname(base),
        '-xzf',
        `${base}.img.tar.gz`,
        '--transform',
        `s/^disk/${basename(base)}-disk/`,
      ]),
  },
  {
    format: 'ova',
    runs: '-disk1.vmdk',
    unpack: (base) => run('tar', ['-C', dirname(base), '-xf', `${base}.ova`]),
  },
  { format: 'uki', runs: '.efi' },
];

describe('every output format boots until its service answers', () => {
  let workshop: Workshop;

  beforeAll(async () => {
    workshop = await Workshop.open();
    await workshop.buildComponents([
      'kernel',
      'init',
      'runc',
      'dhcpcd',
      'busybox',
      'boot-bios',
      'boot-efi',
      'boot-initrd',
    ]);
  });
  afterAll(() => workshop?.close());

  const bootAndAsk = async ({ format, runs, unpack }: (typeof formats)[number], arch?: string) => {
    const yaml = fileURLToPath(new URL('web.yml', import.meta.url));
    // A name each: `orlop run` takes what lies beside a kernel for its root.
    const name = `${arch ?? 'web'}-${format.replace('+', '-')}`;
    const words = [
      '--size',
      '256M',
      '--format',
      format,
      ...(arch === undefined ? [] : ['--arch', arch]),
      yaml,
    ];
    const base = await workshop.buildFiles(name, words);
    await unpack?.(base);
    const port = await freePort();
    const machine = workshop.boot(`${base}${runs}`, {
      publish: [`${port}:80`],
      ...(arch !== undefined && { arch }),
    });
    try {
      await machine.waitFor(/service web started/);
      expect(await fetchText(`http://127.0.0.1:${port}/`, machine)).toBe('this machine answers\n');
    } finally {
      await machine.endNow();
    }
  };

  test.each(formats)('$format', (row) => bootAndAsk(row));

  test.each([
    { format: 'kernel+initrd', runs: '' },
    { format: 'raw-efi', runs: '-efi.img' },
  ])('$format on arm64', (row) => bootAndAsk(row, 'arm64'));
});
