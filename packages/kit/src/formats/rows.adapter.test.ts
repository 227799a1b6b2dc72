import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { OrlopError } from '@orlop/core';
import { ImageStore } from '@orlop/oci';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyProgram, smallSyslinux } from '../testing/boot-programs.ts';
import { buildSmall, type Member, putImage, tarBytes } from '../testing/small-images.ts';
import { OutputSet, type OutputSink } from './output-set.ts';
import { outputFormats } from './table.ts';

const run = promisify(execFile);
const SIZE_MIB = 64;
const MODULE = new TextEncoder().encode('a module of syslinux');
const UCODE = 'MICROCODE that every loader hands on before the initrd';
const rows = outputFormats.filter(({ needsKernel }) => needsKernel).map(({ name }) => ({ name }));

/** Formats of a disk as large as asked for, by what qemu-img calls them; the others are as large as their content. */
const sized: Readonly<Record<string, string>> = {
  'raw-bios': 'raw',
  'raw-efi': 'raw',
  aws: 'raw',
  'qcow2-bios': 'qcow2',
  'qcow2-efi': 'qcow2',
  vhd: 'vpc',
  'dynamic-vhd': 'vpc',
  vhdx: 'vhdx',
  vdi: 'vdi',
  vmdk: 'vmdk',
  'vmdk-sparse': 'vmdk',
  gcp: 'raw',
  ova: 'vmdk',
  'kernel+ext4': 'raw',
};

let store: ImageStore;
let root: TemporaryFolder;

beforeAll(async () => {
  root = await temporaryFolder('formats');
  store = await ImageStore.open(join(root.path, 'store'));
  const modules = await tarBytes([
    ['lib/modules/6.12/modules.dep', 'kernel/a.ko:\n'],
    ['lib/modules/6.12/kernel/a.ko', 'module'],
    ['boot/dtb/bcm2837-rpi-3-b.dtb', 'tree'],
  ]);
  const kernel = new Uint8Array(300_000).fill(7);
  kernel.set(new TextEncoder().encode('ARMd'), 56);
  const images: Readonly<Record<string, readonly Member[]>> = {
    'kernel:1': [
      ['kernel', kernel],
      ['kernel.tar', modules],
      ['ucode.cpio', UCODE],
    ],
    'plain:1': [['bin/sh', new Uint8Array(200_000).map((_, i) => i * 7919), 0o755]],
    'docker.io/orlop/boot-initrd:latest': [['init', '#!/bin/sh\n', 0o755]],
    'docker.io/orlop/boot-bios:latest': [
      ['usr/lib/isolinux.bin', new Uint8Array(24_576).fill(1)],
      ['usr/lib/isohdpfx.bin', new Uint8Array(432).fill(2)],
      ['usr/lib/ldlinux.c32', MODULE],
      ['usr/lib/mbr.bin', new Uint8Array(440).fill(3)],
      ['usr/bin/syslinux', smallSyslinux(MODULE)],
    ],
    'docker.io/orlop/boot-efi:latest': [
      ['usr/lib/linuxx64.efi.stub', emptyProgram()],
      ['usr/lib/linuxaa64.efi.stub', emptyProgram()],
      ['usr/lib/systemd-bootx64.efi', 'loader'],
    ],
    'docker.io/orlop/boot-rpi3:latest': ['bootcode.bin', 'start.elf', 'fixup.dat', 'copyright'].map(
      (name): Member => [`usr/lib/${name}`, name],
    ),
  };
  for (const [name, members] of Object.entries(images)) await putImage(store, name, { layers: [members] });
});
afterAll(() => root.remove());

describe.each(rows)('the format $name', ({ name }) => {
  const architecture = name === 'rpi3' ? 'arm64' : 'amd64';

  it('writes the files that it says, as large as asked for and no more on disk, with the microcode', async () => {
    const folder = await newFolder(name);
    await buildSmall({
      store,
      folder,
      formats: [name],
      options: { architecture, sizeMiB: SIZE_MIB, initrdCompression: 'gzip' },
    });
    const wanted = outputFormats.find((row) => row.name === name)?.outputs('image') ?? [];
    const files = (await readdir(folder)).filter((file) => file !== 'image.yml');
    expect(files.sort()).toEqual([...wanted].sort());
    let onDisk = 0;
    for (const file of files) onDisk += (await stat(join(folder, file))).blocks * 512;
    // The content is some hundred kB; a journal is a hole, and a fixed VHD is one, too.
    expect(onDisk).toBeLessThan(8 << 20);
    const contents = await readable(name, folder, files);
    expect(contents.some((bytes) => bytes.includes(UCODE))).toBe(true);
    if (sized[name] !== undefined)
      expect(Math.max(...contents.map(({ length }) => length))).toBe(SIZE_MIB << 20);
    else expect(Math.max(...contents.map(({ length }) => length))).toBeLessThan(SIZE_MIB << 20);
  });

  it('leaves no file when it is stopped', async () => {
    const folder = await newFolder(`${name}-stopped`);
    const stop = new AbortController();
    const outputs = new OutputSet(folder, { signal: stop.signal });
    const reason = new OrlopError('test.stopped', 'cancelled', 'stopped by the test');
    let images = 0;
    const work = buildSmall({
      store,
      folder,
      formats: [name],
      options: {
        architecture,
        outputs,
        signal: stop.signal,
        // The last thing that is taken in; what follows is the format's own.
        onStep: () => void (++images === 2 && stop.abort(reason)),
      },
    });
    await expect(work).rejects.toBe(reason);
    expect(images).toBe(2);
    expect(await readdir(folder)).toEqual(['image.yml']);
    expect(await openFilesIn(folder)).toEqual([]);
  });
});

it.each([{ name: 'iso-bios' }, { name: 'iso-efi' }, { name: 'ova' }, { name: 'tar-kernel-initrd' }])(
  'the format $name closes what it has open wherever it is stopped',
  async ({ name }) => {
    let isWhole = false;
    let asked = 0;
    while (!isWhole) {
      asked++;
      const folder = await newFolder(`${name}-stopped-${asked}`);
      const stop = new AbortController();
      const { signal } = stop;
      const outputs = new OutputSet(folder, { signal });
      let left = asked;
      // A place for what is needed on the way is asked for at each step; the build is stopped at one after the other.
      const sink: OutputSink = {
        write: (file, content) => outputs.write(file, content),
        open: (file) => outputs.open(file),
        workFolder: async () => {
          const place = await outputs.workFolder();
          if (--left === 0) stop.abort(new OrlopError('test.stopped', 'cancelled', 'stopped by the test'));
          return place;
        },
      };
      isWhole = await buildSmall({ store, folder, formats: [name], options: { outputs, sink, signal } }).then(
        () => !signal.aborted,
        (error) => {
          if (error !== signal.reason) throw error;
          return false;
        },
      );
      expect(await openFilesIn(folder)).toEqual([]);
      expect(asked).toBeLessThan(10);
    }
    // It was stopped at least once.
    expect(asked).toBeGreaterThan(1);
  },
);

/** What this process holds open below a folder, removed files too. */
async function openFilesIn(folder: string): Promise<readonly string[]> {
  const descriptors = await readdir('/proc/self/fd');
  const paths = await Promise.all(
    descriptors.map((descriptor) => readlink(`/proc/self/fd/${descriptor}`).catch(() => '')),
  );
  return paths.filter((path) => path.startsWith(`${folder}/`));
}

it.each([{ name: 'raw-bios' }, { name: 'raw-efi' }])(
  'the format $name is as small as its content when no size is asked for',
  async ({ name }) => {
    const folder = await newFolder(`${name}-least`);
    await buildSmall({ store, folder, formats: [name] });
    const [output = ''] = outputFormats.find((row) => row.name === name)?.outputs('image') ?? [];
    expect((await stat(join(folder, output))).size).toBeLessThan(8 << 20);
  },
);

it('gives kernel+initrd and roots on disks their own initrds where one build makes both', async () => {
  const alone = await newFolder('alone');
  await buildSmall({ store, folder: alone, formats: ['kernel+initrd'] });
  const folder = await newFolder('together');
  await buildSmall({ store, folder, formats: ['kernel+initrd', 'kernel+squashfs', 'kernel+iso'] });
  const files = ['-cmdline', '-initrd.img', '-kernel', '-root-initrd.img', '-squashfs.img', '.iso'];
  expect((await readdir(folder)).sort()).toEqual([...files.map((end) => `image${end}`), 'image.yml']);
  const initrd = (place: string) => readFile(join(place, 'image-initrd.img'));
  expect((await initrd(folder)).equals(await initrd(alone))).toBe(true);
  expect((await readFile(join(folder, 'image-root-initrd.img'))).equals(await initrd(folder))).toBe(false);
});

async function newFolder(name: string): Promise<string> {
  const folder = join(root.path, name);
  await mkdir(folder);
  await writeFile(
    join(folder, 'image.yml'),
    'kernel: {image: "kernel:1", cmdline: "console=ttyS0", ucode: ucode.cpio}\ninit: ["plain:1"]\n',
  );
  return folder;
}

/** The files of a format as plain bytes: archives unpacked, disks as a machine sees them. */
async function readable(name: string, folder: string, files: readonly string[]): Promise<readonly Buffer[]> {
  const unpacked = join(folder, 'unpacked');
  await mkdir(unpacked);
  let paths = files.map((file) => join(folder, file));
  if (name === 'gcp' || name === 'ova') {
    await run('tar', ['-C', unpacked, name === 'gcp' ? '-xzf' : '-xf', paths[0] ?? '']);
    paths = (await readdir(unpacked)).map((file) => join(unpacked, file));
  }
  const kind = sized[name];
  return Promise.all(
    paths.map(async (path) => {
      const isDisk = kind !== undefined && kind !== 'raw' && !/\.(ovf|mf)$/.test(path);
      if (!isDisk) return readFile(path);
      await run('qemu-img', ['convert', '-f', kind, '-O', 'raw', path, `${path}.raw`]);
      return readFile(`${path}.raw`);
    }),
  );
}
