import { execFile } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fetchText } from '../harness/fetch-text.ts';
import { freePort } from '../harness/free-port.ts';
import { Workshop } from '../harness/orlop.ts';

const run = promisify(execFile);

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
/** What QEMU's user network would lease. */
const ADDRESS = '10.0.2.15/24';

interface Row {
  readonly format: string;
  /** What `orlop run` is given: the end of a name. */
  readonly runs: string;
  /** Where it is packed. */
  readonly unpack?: (base: string) => Promise<unknown>;
  /**
   * Booted with the whole system: each kind of root (an ISO is one itself), and a disk once. The others carry the same
   * kernel and whole initrd in another wrapping; what is booted of them is as small as an image that answers can be.
   */
  readonly whole?: true;
}

const formats: readonly Row[] = [
  { format: 'kernel+initrd', runs: '', whole: true },
  { format: 'kernel+squashfs', runs: '', whole: true },
  { format: 'kernel+erofs', runs: '', whole: true },
  { format: 'kernel+ext4', runs: '', whole: true },
  { format: 'kernel+iso', runs: '', whole: true },
  { format: 'iso-bios', runs: '.iso', whole: true },
  { format: 'iso-efi', runs: '-efi.iso', whole: true },
  { format: 'iso-efi-initrd', runs: '-efi-initrd.iso' },
  { format: 'raw-bios', runs: '-bios.img', whole: true },
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

  const bootAndAsk = async ({ format, runs, unpack, whole }: Row, arch?: string) => {
    // A name each: `orlop run` takes what lies beside a kernel for its root.
    const name = `${arch ?? 'web'}-${format.replace('+', '-')}`;
    const base = await workshop.buildFiles(name, [
      ...['--size', '256M', '--format', format],
      ...(arch === undefined ? [] : ['--arch', arch]),
      ...(whole ? [file('web.yml')] : ['--set', `ADDRESS=${ADDRESS}`, file('../net/answers.yml')]),
    ]);
    await unpack?.(base);
    const port = await freePort();
    const machine = workshop.boot(`${base}${runs}`, {
      publish: [`${port}:80`],
      ...(arch !== undefined && { arch }),
    });
    try {
      await machine.waitFor(whole ? /service web started/ : /answers-now/);
      expect(await fetchText(`http://127.0.0.1:${port}/`, machine)).toBe(
        whole ? 'this machine answers\n' : `this is ${ADDRESS}\n`,
      );
    } finally {
      await machine.endNow();
    }
  };

  test.each(formats)('$format', (row) => bootAndAsk(row));

  test.each([
    { format: 'kernel+initrd', runs: '', whole: true as const },
    { format: 'raw-efi', runs: '-efi.img' },
  ])('$format on arm64', (row) => bootAndAsk(row, 'arm64'));
});
