import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostTree } from './host-tree.ts';

let folder = '';
let isMounted = false;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orlop-host-tree-'));
  await mkdir(join(folder, 'disk'));
  isMounted =
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', join(folder, 'disk')]).status === 0;
});
afterEach(async () => {
  if (isMounted) spawnSync('umount', [join(folder, 'disk')]);
  await rm(folder, { recursive: true, force: true });
});

describe('HostTree (skipped where a test may not mount a file system)', () => {
  it('says that the disk is full for a content of which only a part has room', async (context) => {
    if (!isMounted) return context.skip();
    const root = join(folder, 'disk', 'tree');
    await mkdir(root);
    const tree = await HostTree.open({
      ...{ root, stage: join(folder, 'disk', 'stage') },
      nowMs: () => 0,
      asideName: (name) => name,
    });
    // The kernel takes 15 pages of it, without an error.
    const bytes = (async function* () {
      yield Buffer.alloc(100_000, 'x');
    })();
    const content = { sizeBytes: 100_000, modifiedMs: 0, bytes, isWhole: () => true };
    await tree.stage(0, 0o644, content);
    const file = { kind: 'file', mode: 0o644, sizeBytes: 100_000, digest: '' } as const;
    expect(await tree.apply([{ kind: 'file', path: 'a', file }])).toEqual([
      { kind: 'failed', reason: 'ENOSPC' },
    ]);
    expect(await readdir(root)).toEqual([]);
  });
});
