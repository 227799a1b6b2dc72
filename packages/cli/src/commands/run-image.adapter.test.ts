import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findImage } from './run-image.ts';

const nothing = { kernel: false, squashfs: false, iso: false, uefi: false };

let folder: TemporaryFolder;
let base: string;
beforeEach(async () => {
  folder = await temporaryFolder('image');
  base = join(folder.path, 'os');
});
afterEach(() => folder.remove());

const make = async (...suffixes: string[]) => {
  for (const suffix of suffixes) await writeFile(`${base}${suffix}`, contentOf(suffix));
};

function contentOf(suffix: string): string | Uint8Array {
  if (suffix === '-cmdline') return 'console=ttyS0\n';
  if (!suffix.endsWith('.img')) return '';
  const bootRecord = new Uint8Array(512);
  bootRecord.set([0x55, 0xaa], 510);
  return bootRecord;
}

describe('findImage', () => {
  it('takes PATH-kernel and its initrd', async () => {
    await make('-kernel', '-initrd.img', '-cmdline', '.iso');
    expect(await findImage(base, nothing)).toEqual({
      boot: {
        kind: 'kernel',
        kernelPath: `${base}-kernel`,
        initrdPath: `${base}-initrd.img`,
        cmdline: 'console=ttyS0',
      },
      uefi: false,
    });
  });

  it('takes an ISO for the root of a kernel whose command line asks for one', async () => {
    await make('-kernel', '-initrd.img', '.iso');
    await writeFile(`${base}-cmdline`, 'root=LABEL=ORLOP');
    expect((await findImage(base, nothing)).boot).toMatchObject({
      rootPath: `${base}.iso`,
      cmdline: 'root=LABEL=ORLOP',
    });
  });

  it('takes the small initrd with a root, and the whole one without, where a build made both', async () => {
    await make('-kernel', '-cmdline', '-initrd.img', '-root-initrd.img', '-squashfs.img');
    expect((await findImage(base, nothing)).boot).toMatchObject({
      initrdPath: `${base}-root-initrd.img`,
      rootPath: `${base}-squashfs.img`,
    });
    const whole = await findImage(base, { ...nothing, kernel: true });
    expect(whole.boot).toMatchObject({ initrdPath: `${base}-initrd.img`, cmdline: 'console=ttyS0' });
  });

  it('takes an ISO for the root where there is no other, and the initrd is for one', async () => {
    await make('-kernel', '-cmdline', '-root-initrd.img', '.iso');
    expect((await findImage(base, nothing)).boot).toMatchObject({
      initrdPath: `${base}-root-initrd.img`,
      rootPath: `${base}.iso`,
      cmdline: 'console=ttyS0 root=/dev/vda',
    });
  });

  it.each(['-squashfs.img', '-erofs.img', '-ext4.img'])(
    'takes a root %s as the first disk',
    async (suffix) => {
      await make('-kernel', '-cmdline', suffix);
      expect((await findImage(base, nothing)).boot).toMatchObject({
        rootPath: `${base}${suffix}`,
        cmdline: 'console=ttyS0 root=/dev/vda',
      });
    },
  );

  it('leaves a root alone that the command line names, or that --kernel forbids', async () => {
    await make('-kernel', '-initrd.img', '-squashfs.img');
    await writeFile(`${base}-cmdline`, 'root=LABEL=x');
    expect((await findImage(base, nothing)).boot).toMatchObject({ cmdline: 'root=LABEL=x' });
    expect((await findImage(base, { ...nothing, kernel: true })).boot).not.toHaveProperty('rootPath');
  });

  it.each([
    ['.iso', { kind: 'iso' }, false],
    ['-efi.iso', { kind: 'iso' }, true],
    ['-bios.img', { kind: 'disk', format: 'raw' }, false],
    ['-efi.img', { kind: 'disk', format: 'raw' }, true],
    ['.qcow2', { kind: 'disk', format: 'qcow2' }, false],
    ['.vhdx', { kind: 'disk', format: 'vhdx' }, true],
    ['.vhd', { kind: 'disk', format: 'vpc' }, false],
  ])('knows %s by its name, and the only one also without it', async (suffix, boot, uefi) => {
    await make(suffix);
    const expected = { boot: expect.objectContaining({ ...boot, path: `${base}${suffix}` }), uefi };
    expect(await findImage(`${base}${suffix}`, nothing)).toEqual(expected);
    expect(await findImage(base, nothing)).toEqual(expected);
  });

  it('refuses a file that no firmware boots, and a folder', async () => {
    await writeFile(base, 'hello');
    await expect(findImage(base, nothing)).rejects.toMatchObject({
      code: 'run.no-image',
      message: expect.stringContaining('no image that boots'),
    });
    await mkdir(`${base}.d`);
    await expect(findImage(`${base}.d`, nothing)).rejects.toMatchObject({
      message: expect.stringContaining('is a folder'),
    });
  });

  it('starts a unified kernel image through UEFI', async () => {
    await make('.efi');
    const boot = { kind: 'kernel', kernelPath: `${base}.efi`, cmdline: '' };
    expect(await findImage(`${base}.efi`, nothing)).toEqual({ boot, uefi: true });
  });

  it('names what is there when there is more than one', async () => {
    await make('.iso', '.qcow2');
    await expect(findImage(base, nothing)).rejects.toMatchObject({
      code: 'run.no-image',
      hint: `there are: ${base}.iso, ${base}.qcow2`,
    });
  });

  it.each([
    [['-kernel'], nothing, 'has neither an initrd'],
    [[], { ...nothing, kernel: true }, 'there is no kernel'],
    [[], { ...nothing, iso: true }, 'there is no file'],
    [[], nothing, 'there is no image'],
  ])('says what is missing beside %s', async (suffixes, hints, message) => {
    await make(...suffixes);
    await expect(findImage(base, hints)).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining(message),
    });
  });

  it('takes no folder for an image', async () => {
    await mkdir(base);
    await expect(findImage(base, nothing)).rejects.toMatchObject({ code: 'run.no-image' });
  });
});
