import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { instancePaths } from '../instance/instance-paths.ts';
import { surroundingsIn } from '../testing/surroundings.ts';
import { EngineSyncs } from './engine-syncs.ts';

describe('EngineSyncs', () => {
  let folder = '';
  let syncs: EngineSyncs;

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'orlop-syncs-')));
    const around = surroundingsIn(join(folder, 'home'));
    syncs = new EngineSyncs({ paths: instancePaths(around.home, 'default'), around });
    for (const name of ['a', 'b', 'c']) await mkdir(join(folder, name));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const create = (name: string) => syncs.create({ path: join(folder, name) });
  const listed = async () => (await syncs.list()).map(({ path }) => path.slice(folder.length + 1)).sort();

  it('keeps every share of several that are made at once', async () => {
    const made = await Promise.all(['a', 'b', 'c'].map(create));
    expect(made.map(({ state }) => state)).toEqual(['idle', 'idle', 'idle']);
    expect(await listed()).toEqual(['a', 'b', 'c']);
  });

  it('makes one of two for the same folder', async () => {
    const [first, second] = await Promise.allSettled([create('a'), create('a')]);
    expect(first).toMatchObject({ status: 'fulfilled' });
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'engine.sync-exists' } });
    expect(await listed()).toEqual(['a']);
  });
});
