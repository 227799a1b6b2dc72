import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileLock } from './file-lock.ts';

describe('FileLock', () => {
  let folder: TemporaryFolder;
  const path = () => join(folder.path, 'lock');

  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder.remove());

  it.each(['1-1', '', 'no/identity'])(
    'of a process that is gone (%j) is broken, and held by one at a time',
    async (stale) => {
      for (let round = 0; round < 10; round++) {
        await writeFile(path(), stale);
        let inside = 0;
        let most = 0;
        const work = async () => {
          most = Math.max(most, ++inside);
          await new Promise(setImmediate);
          inside--;
        };
        await Promise.all(Array.from({ length: 16 }, () => new FileLock(path()).hold(work)));
        expect(most).toBe(1);
      }
      expect(await readdir(folder.path)).toEqual([]);
    },
  );
});
