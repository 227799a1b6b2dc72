import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AncestorStore, agree } from './ancestor-store.ts';
import { emptyFolder, type SyncNode, walkTree } from './sync-tree.ts';

let path = '';
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'orlop-agreed-')), 'agreed');
});
afterEach(() => rm(join(path, '..'), { recursive: true, force: true }));

const file = (digest: string): SyncNode => ({ kind: 'file', mode: 0o644, digest, sizeBytes: 1, hint: 'a b' });

async function record(store: AncestorStore, entries: readonly (readonly [string, SyncNode | undefined])[]) {
  for (const [at, node] of entries) agree(store.root, at, node);
  await store.record(entries, store.generation + 1);
}

/** Read by another daemon, whose own writing is of no consequence here. */
async function reread() {
  const store = await AncestorStore.open(path);
  await store.close();
  return { ...store, shown: Object.fromEntries(walkTree(store.root)), generation: store.generation };
}

describe('AncestorStore', () => {
  it('has after a restart what was recorded, in the order in which it was', async () => {
    const store = await AncestorStore.open(path);
    await store.reset('stamp');
    await record(store, [
      ['d', emptyFolder()],
      ['d/a', file('one')],
      ['l', { kind: 'link', target: 'x' }],
    ]);
    await record(store, [['d', undefined]]);
    await record(store, [
      ['d', emptyFolder(0o700)],
      ['d/b', file('two')],
    ]);
    await store.close();
    const { shown, stamp, generation } = await reread();
    expect([stamp, generation]).toEqual(['stamp', 3]);
    expect(Object.keys(shown)).toEqual(['l', 'd', 'd/b']);
    expect(shown['d/b']).toEqual(file('two'));
    expect(shown['d']).toMatchObject({ mode: 0o700 });
  });

  it('leaves no half of a record behind when the whole cannot take its place', async () => {
    const store = await AncestorStore.open(path);
    await rm(path);
    await mkdir(join(path, 'in the way'), { recursive: true });
    await expect(store.reset('stamp')).rejects.toThrow();
    await store.close();
    expect(await readdir(join(path, '..'))).toEqual(['agreed']);
  });

  it('has either all or nothing of what belongs together, wherever the file ends', async () => {
    const store = await AncestorStore.open(path);
    await store.reset('stamp');
    await record(store, [['a', file('one')]]);
    const before = (await stat(path)).size;
    await record(store, [
      ['a', file('two')],
      ['b', file('two')],
    ]);
    await store.close();
    const whole = await readFile(path);
    for (let length = before; length < whole.length; length++) {
      await writeFile(path, whole.subarray(0, length));
      const { shown, generation } = await reread();
      const isWhole = length >= whole.length - 1; // all but the last line's end
      expect([Object.keys(shown), generation]).toEqual(isWhole ? [['a', 'b'], 2] : [['a'], 1]);
    }
  });

  it('goes on after a line that was cut off', async () => {
    const store = await AncestorStore.open(path);
    await store.reset('stamp');
    await record(store, [['a', file('one')]]);
    await store.close();
    await appendFile(path, '["b","f",42');
    const again = await AncestorStore.open(path);
    await record(again, [['c', file('three')]]);
    await again.close();
    expect(Object.keys((await reread()).shown)).toEqual(['a', 'c']);
  });
});
