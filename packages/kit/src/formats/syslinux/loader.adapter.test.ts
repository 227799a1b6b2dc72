import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installSyslinux, type SyslinuxPrograms, takeSyslinuxApart } from './loader.ts';

const run = promisify(execFile);
/** Between head and code lie the parameters of a volume, which are its own. */
const [HEAD_END, CODE_START, CODE_END] = [11, 90, 512];

describe('installSyslinux', () => {
  let folder: TemporaryFolder;
  let programs: SyslinuxPrograms;
  beforeAll(async () => {
    folder = await temporaryFolder('syslinux');
    programs = takeSyslinuxApart(
      await readFile('/usr/bin/syslinux'),
      await readFile('/usr/lib/syslinux/modules/bios/ldlinux.c32'),
    );
  });
  afterAll(() => folder.remove());

  it.each([
    { bits: '12', mebibytes: 4 },
    { bits: '16', mebibytes: 40 },
    { bits: '32', mebibytes: 80 },
  ])('gives the bytes that syslinux itself installs on FAT$bits', async ({ bits, mebibytes }) => {
    const image = join(folder.path, `fat${bits}`);
    await run('truncate', ['-s', `${mebibytes}M`, image]);
    await run('mkfs.fat', ['-F', bits, '-h', '2048', image]);
    await run('syslinux', ['--install', image]);
    const disk = await readFile(image);
    const file = join(folder.path, `ldlinux-${bits}`);
    await run('mcopy', ['-i', image, '::ldlinux.sys', file]);
    const installed = await readFile(file);
    // Its first bytes are the same whatever is patched in.
    const at = disk.indexOf(installed.subarray(0, 24));
    expect(at % 512).toBe(0);

    const own = installSyslinux(programs, at / 512);
    expect(Buffer.from(own.loader).equals(installed)).toBe(true);
    const [ours, theirs] = [Buffer.from(own.bootSector), disk.subarray(0, 512)];
    expect(ours.subarray(0, HEAD_END)).toEqual(theirs.subarray(0, HEAD_END));
    expect(ours.subarray(CODE_START, CODE_END)).toEqual(theirs.subarray(CODE_START, CODE_END));
  });
});

describe('takeSyslinuxApart', () => {
  const module = new Uint8Array(64).fill(9);
  it.each([
    { what: 'an empty file', bytes: new Uint8Array(0) },
    { what: 'a text that names SYSLINUX at its end', bytes: new TextEncoder().encode('xxxSYSLINUX') },
    { what: 'a page of 0xff', bytes: new Uint8Array(4096).fill(0xff) },
  ])('refuses $what', ({ bytes }) => {
    expect(() => takeSyslinuxApart(bytes, module)).toThrow(
      expect.objectContaining({ code: 'kit.invalid-image' }),
    );
  });
});
