import { execFileSync } from 'node:child_process';
import { mkdir, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import type { Disk } from '@orlop/vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contextIn } from '../testing/command-under-test.ts';
import { prepareDisks } from './run-disks.ts';

const GIB = 2 ** 30;

describe('prepareDisks', () => {
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder('run-disks');
  });
  afterEach(() => folder.remove());

  async function said(name: string, rest: Omit<Disk, 'path'>): Promise<string> {
    const context = contextIn(folder.path);
    let text = '';
    context.stderr.on('data', (piece) => {
      text += piece;
    });
    const env = { PATH: process.env['PATH'] };
    await prepareDisks([{ path: join(folder.path, name), ...rest }], { ...context, env });
    return text;
  }

  it('says of a disk that is there if it is not as large as asked, and nothing otherwise', async () => {
    await writeFile(join(folder.path, 'raw.img'), '');
    await truncate(join(folder.path, 'raw.img'), GIB);
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', join(folder.path, 'a.qcow2'), '1536M']);
    expect(await said('raw.img', { format: 'raw', sizeBytes: 2 * GIB })).toBe(
      `orlop: the disk ${folder.path}/raw.img is there already and keeps its 1G; size=2G is for one that is made\n`,
    );
    expect(await said('a.qcow2', { format: 'qcow2', sizeBytes: GIB })).toContain('keeps its 1536M; size=1G');
    expect(await said('raw.img', { format: 'raw', sizeBytes: GIB })).toBe('');
    expect(await said('raw.img', { format: 'raw' })).toBe('');
    expect(await said('raw.img', { format: 'qcow2', sizeBytes: GIB })).toBe('');
    await mkdir(join(folder.path, 'folder'));
    expect(await said('folder', { format: 'raw', sizeBytes: GIB })).toBe('');
  });

  it('makes the folder of a disk to be made, and ends at once where there can be none', async () => {
    expect(await said('a/b/new.img', { format: 'raw', sizeBytes: GIB })).toBe('');
    expect(await readdir(join(folder.path, 'a'))).toEqual(['b']);
    const disk = { path: '/proc/x/y/new.img', format: 'raw', sizeBytes: GIB } as const;
    await expect(prepareDisks([disk], contextIn(folder.path))).rejects.toThrow(/ENOENT/);
  });
});
