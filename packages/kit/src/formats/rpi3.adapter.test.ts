import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesBody, readTar } from '@orlop/archive';
import { ImageStore } from '@orlop/oci';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildSmall, type Member, putImage, tarBytes } from '../testing/small-images.ts';

/** An image begins with its entry, and says at byte 56 what it is. */
const KERNEL = new Uint8Array(4096).fill(7);
KERNEL.set(new TextEncoder().encode('ARMd'), 56);
const TREES: readonly Member[] = [
  ['boot/dtb/broadcom/bcm2711-rpi-4-b.dtb', 'another board'],
  ['boot/dtb/broadcom/bcm2837-rpi-3-b.dtb', 'board b'],
  ['boot/dtb/broadcom/bcm2837-rpi-3-b-plus.dtb', 'board b plus'],
];

let store: ImageStore;
let root: TemporaryFolder;
const { signal } = new AbortController();

beforeAll(async () => {
  root = await temporaryFolder('rpi3');
  store = await ImageStore.open(join(root.path, 'store'));
  const firmware = ['bootcode.bin', 'start.elf', 'fixup.dat', 'copyright', 'start4.elf'];
  await putImage(store, 'docker.io/orlop/boot-rpi3:latest', {
    layers: [firmware.map((name): Member => [`usr/lib/raspi-firmware/${name}`, `firmware ${name}`])],
  });
  const kernels: Readonly<Record<string, readonly Member[]>> = {
    'rpi:1': [
      ['kernel', KERNEL],
      ['kernel.tar', await tarBytes(TREES)],
    ],
    'packed:1': [
      ['kernel', Uint8Array.of(0x1f, 0x8b, ...new Uint8Array(200))],
      ['kernel.tar', await tarBytes(TREES)],
    ],
    'other:1': [
      ['kernel', KERNEL],
      ['kernel.tar', await tarBytes(TREES.slice(0, 1))],
    ],
  };
  for (const [name, members] of Object.entries(kernels)) await putImage(store, name, { layers: [members] });
});
afterAll(() => root.remove());

function build(kernel: string, architecture: string) {
  return writeFile(
    join(root.path, 'image.yml'),
    `kernel: {image: "${kernel}", cmdline: "console=ttyS1"}\n`,
  ).then(() =>
    buildSmall({
      store,
      folder: root.path,
      formats: ['rpi3'],
      options: { architecture, signal, sbom: false },
    }),
  );
}

describe('the format rpi3', () => {
  it('holds what the firmware reads: its own files, its configuration, trees of the board, kernel and initrd', async () => {
    const { outputs } = await build('rpi:1', 'arm64');
    const [output] = outputs;
    const tar = await readFile(output?.path ?? '');
    const files = new Map<string, Buffer>();
    for await (const { header, body } of readTar(bytesBody(tar))) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      files.set(header.name, Buffer.concat(chunks));
    }
    expect([...files.keys()]).toEqual([
      'bootcode.bin',
      'start.elf',
      'fixup.dat',
      'LICENCE.broadcom',
      'config.txt',
      'cmdline.txt',
      'bcm2837-rpi-3-b-plus.dtb',
      'bcm2837-rpi-3-b.dtb',
      'kernel8.img',
      'initrd.img',
    ]);
    expect(files.get('start.elf')?.toString()).toBe('firmware start.elf');
    expect(files.get('cmdline.txt')?.toString()).toBe('console=ttyS1\n');
    expect(files.get('bcm2837-rpi-3-b.dtb')?.toString()).toBe('board b');
    expect(Buffer.compare(files.get('kernel8.img') ?? Buffer.of(), KERNEL)).toBe(0);
    // Every file that the configuration names is there.
    const config = files.get('config.txt')?.toString() ?? '';
    expect(config).toMatch(/^arm_64bit=1$/m);
    for (const [, name] of config.matchAll(/(?:^kernel=|^initramfs )(\S+)/gm))
      expect([...files.keys()]).toContain(name);
  });

  it('refuses another architecture, a packed kernel and a kernel without the board, and leaves no file', async () => {
    await expect(build('rpi:1', 'amd64')).rejects.toMatchObject({ code: 'kit.invalid-option' });
    await expect(build('packed:1', 'arm64')).rejects.toMatchObject({
      code: 'kit.kernel-compression',
      hint: 'build with --decompress-kernel',
    });
    await expect(build('other:1', 'arm64')).rejects.toMatchObject({ code: 'kit.no-kernel' });
    expect((await readdir(root.path)).sort()).toEqual(['image.tar', 'image.yml', 'store']);
  });
});
