import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeOutput } from './write-output.ts';

describe('writeOutput', () => {
  let folder: TemporaryFolder;
  const { signal } = new AbortController();
  const place = (name: string) => join(folder.path, name);

  beforeEach(async () => {
    folder = await temporaryFolder('write-output');
  });
  afterEach(() => folder.remove());

  it('replaces the file behind a link, whole', async () => {
    await writeFile(place('file'), 'old');
    await symlink('file', place('link'));
    await writeOutput(place('link'), ['new ', Buffer.from('content')], { signal });
    expect(await readFile(place('file'), 'utf8')).toBe('new content');
    expect(await readdir(folder.path)).toEqual(['file', 'link']);
  });

  it('leaves the old file and nothing else when the disk is full, and says which', async () => {
    await writeFile(place('file'), 'old');
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
      ...{ code: 'ENOSPC', syscall: 'write' },
    });
    async function* content() {
      yield Buffer.from('new');
      throw full;
    }
    await expect(writeOutput(place('file'), content(), { signal })).rejects.toMatchObject({
      ...{ code: 'cli.system-unavailable', message: `${place('file')}: no space is left (ENOSPC)` },
    });
    expect(await readFile(place('file'), 'utf8')).toBe('old');
    expect(await readdir(folder.path)).toEqual(['file']);
  });

  it('names the file that cannot be made', async () => {
    await expect(writeOutput(place('none/file'), ['x'], { signal })).rejects.toMatchObject({
      ...{ code: 'cli.cannot-write', message: `${place('none/file')} cannot be written` },
    });
  });
});
