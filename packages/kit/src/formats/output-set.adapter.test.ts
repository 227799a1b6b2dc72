import { type FileHandle, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OutputSet } from './output-set.ts';

/** Beyond what Linux numbers processes by. */
const NOBODY = '999999999-1';

describe('OutputSet', () => {
  let folder: TemporaryFolder;
  const newSet = () => new OutputSet(folder.path, { signal: new AbortController().signal });

  beforeEach(async () => {
    folder = await temporaryFolder('output-set');
  });
  afterEach(() => folder.remove());

  it('removes what a killed build left, and nothing of a build that runs, of another host, or of the user', async () => {
    const running = newSet();
    await (await running.open('other.img')).close();
    const ofRunning = await readdir(folder.path);
    const kept = [`.orlop-${NOBODY}@elsewhere.0123456789ab.0.part`, '.orlop-notes.part', 'old.img'];
    for (const name of kept) await writeFile(join(folder.path, name), '');
    await writeFile(join(folder.path, `.orlop-${NOBODY}@${hostname()}.0123456789ab.0.part`), '');
    const work = join(folder.path, `.orlop-${NOBODY}@${hostname()}.0123456789ab.work`);
    await mkdir(work);
    await writeFile(join(work, 'spool'), '');
    const set = newSet();
    await (await set.open('new.img')).close();
    await set.commit();
    expect(await readdir(folder.path)).toEqual([...kept, ...ofRunning, 'new.img'].sort());
    await running.commit();
    expect(await readdir(folder.path)).toEqual([...kept, 'new.img', 'other.img'].sort());
  });

  it('makes the folders of an output, and ends at once where there can be none', async () => {
    const set = newSet();
    await (await set.open('a/b/c.img')).close();
    await set.commit();
    expect(await readdir(join(folder.path, 'a', 'b'))).toEqual(['c.img']);
    for (const place of ['/proc/x/y', join(folder.path, 'a', 'b', 'c.img', 'd')]) {
      const failed = new OutputSet(place, { signal: new AbortController().signal });
      await expect(failed.open('z')).rejects.toMatchObject({ code: 'kit.output-failed' });
    }
  });

  it('writes where all files have one mode, as on a memory card', async () => {
    const probe = await open(join(folder.path, 'probe'), 'w');
    const fixed = Object.assign(new Error('EPERM: operation not permitted, fchmod'), { code: 'EPERM' });
    const chmod = vi.spyOn(Object.getPrototypeOf(probe) as FileHandle, 'chmod').mockRejectedValue(fixed);
    try {
      const set = newSet();
      await set.write('card.img', content('image'));
      await set.commit();
      expect(chmod).toHaveBeenCalled();
      expect(await readFile(join(folder.path, 'card.img'), 'utf8')).toBe('image');
    } finally {
      chmod.mockRestore();
      await probe.close();
    }
  });
});

async function* content(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
