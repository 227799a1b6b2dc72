import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identifyProcess } from './process-identity.ts';
import { takeProcessLock } from './process-lock.ts';

describe('takeProcessLock', () => {
  let folder: TemporaryFolder;
  const path = () => join(folder.path, 'lock');

  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder.remove());

  const takeAtOnce = async () => {
    const taken = await Promise.all(Array.from({ length: 24 }, () => takeProcessLock(path())));
    const held = taken.filter((one) => one.kind === 'held');
    for (const one of held) await one.release();
    return held.length;
  };

  it('gives it to one of many who ask at once, and tells the others who has it', async () => {
    for (let round = 0; round < 20; round++) expect(await takeAtOnce()).toBe(1);
    const lock = await takeProcessLock(path());
    expect([lock.kind, await takeProcessLock(path())]).toEqual([
      'held',
      { kind: 'busy', holder: process.pid },
    ]);
    expect(JSON.parse(await readFile(path(), 'utf8'))).toMatchObject(
      (await identifyProcess(process.pid)) ?? {},
    );
    if (lock.kind === 'held') await lock.release();
    expect(await readdir(folder.path)).toEqual([]);
  });

  it.each([
    ['of a process that is gone', JSON.stringify({ pid: 1, startTicks: 1, bootId: 'of another boot' })],
    ['that says nothing', ''],
    ['that is damaged', '{"pid":'],
    ['that is no identity', 'null'],
  ])('breaks one %s, for one of many', async (_, content) => {
    for (let round = 0; round < 20; round++) {
      await writeFile(path(), content);
      expect(await takeAtOnce()).toBe(1);
    }
    expect(await readdir(folder.path)).toEqual([]);
  });
});
