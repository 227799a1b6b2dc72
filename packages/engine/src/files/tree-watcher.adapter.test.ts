import { lstat, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@orlop/testkit';
import { Poller } from '@orlop/vnet';
import { afterEach, describe, expect, it } from 'vitest';
import { openInotify } from './inotify.ts';
import { IN_ATTRIB, IN_DELETE, IN_MOVED_FROM, IN_Q_OVERFLOW, type InotifyEvent } from './inotify-events.ts';
import { listFolder } from './share-events.ts';
import { type Change, TREE_MASK, TreeWatcher } from './tree-watcher.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** What is followed is told by more words than these cases ask for. */
function word(mask: number): string {
  if ((mask & (IN_DELETE | IN_MOVED_FROM)) !== 0) return 'gone';
  return (mask & IN_ATTRIB) !== 0 ? 'attributes' : 'content';
}

/** A tree `root` that is followed by the kernel's own inotify, with what was told of it. */
async function followed(
  options: { readonly exclude?: readonly string[]; readonly maxFolders?: number } = {},
) {
  const folder = await temporaryFolder();
  const root = join(folder.path, 'root');
  await mkdir(join(root, 'deep', 'er'), { recursive: true });
  await mkdir(join(root, 'node_modules', 'x'), { recursive: true });
  const seen: string[] = [];
  const changes: Change[] = [];
  const partial: string[] = [];
  let inject: (events: InotifyEvent[]) => void = () => undefined;
  const watcher = new TreeWatcher({
    root,
    exclude: options.exclude ?? [],
    maxFolders: options.maxFolders ?? 100,
    open: (onEvents) => {
      inject = onEvents;
      return openInotify(new Poller(process.platform, process.arch), { mask: TREE_MASK, onEvents });
    },
    list: listFolder,
    onChange: (change) => {
      changes.push(change);
      seen.push(`${word(change.mask)} ${change.path.slice(root.length)}`);
    },
    onPartial: (reason) => partial.push(reason),
  });
  closers.push(
    () => folder.remove(),
    () => watcher.close(),
  );
  await watcher.start();
  return { root, outside: folder.path, seen, changes, partial, watcher, inject };
}

describe.skipIf(process.platform !== 'linux')('TreeWatcher (Linux)', () => {
  it('tells of files that are made, written, changed in mode and removed, at any depth', async () => {
    const { root, seen } = await followed();
    await writeFile(join(root, 'deep', 'er', 'a'), '1');
    await expect.poll(() => seen).toContain('content /deep/er/a');
    await rm(join(root, 'deep', 'er', 'a'));
    await expect.poll(() => seen).toContain('gone /deep/er/a');
  });

  it('follows a folder that is made, with what was put into it at once', async () => {
    const { root, seen, watcher } = await followed();
    await mkdir(join(root, 'new', 'inner'), { recursive: true });
    await writeFile(join(root, 'new', 'inner', 'a'), '1');
    await expect.poll(() => seen).toContain('content /new/inner/a');
    await watcher.settled();
    await writeFile(join(root, 'new', 'inner', 'b'), '1');
    await expect.poll(() => seen).toContain('content /new/inner/b');
  });

  it('tells of a folder under its new path once it is moved, and of nothing once it is out', async () => {
    const { root, outside, seen, watcher } = await followed();
    await rename(join(root, 'deep'), join(root, 'moved'));
    await expect.poll(() => seen).toContain('content /moved/er');
    await watcher.settled();
    await writeFile(join(root, 'moved', 'er', 'a'), '1');
    await expect.poll(() => seen).toContain('content /moved/er/a');
    const before = watcher.folders;
    await rename(join(root, 'moved'), join(outside, 'out'));
    await expect.poll(() => watcher.folders).toBe(before - 2);
    await writeFile(join(outside, 'out', 'er', 'b'), '1');
    await writeFile(join(root, 'last'), '1');
    await expect.poll(() => seen).toContain('content /last');
    expect(seen.filter((one) => one.endsWith('/b'))).toEqual([]);
  });

  it('knows the inode of a folder that was removed, and names byte by byte', async () => {
    const { root, changes } = await followed();
    const { ino } = await lstat(join(root, 'deep', 'er'), { bigint: true });
    await rm(join(root, 'deep', 'er'), { recursive: true });
    const gone = () => changes.find(({ path, mask }) => path.endsWith('/er') && (mask & IN_DELETE) !== 0);
    await expect.poll(() => gone()?.inode).toBe(ino);
    await writeFile(Buffer.from(`${root}/deep/\xff`, 'latin1'), 'x');
    await expect.poll(() => changes.map(({ name }) => name)).toContain('\xff');
  });

  it('does not follow what is excluded, by name or by path', async () => {
    const { root, seen, watcher } = await followed({ exclude: ['node_modules', '/deep/er'] });
    expect(watcher.folders).toBe(2);
    await writeFile(join(root, 'node_modules', 'x', 'a'), '1');
    await writeFile(join(root, 'deep', 'er', 'a'), '1');
    await writeFile(join(root, 'deep', 'last'), '1');
    await expect.poll(() => seen).toContain('content /deep/last');
    expect(seen.filter((one) => one.endsWith('/a'))).toEqual([]);
  });

  it('follows no more folders than it may, and says so once', async () => {
    const { root, watcher, partial } = await followed({ maxFolders: 3 });
    for (const name of ['p', 'q', 'r']) await mkdir(join(root, name));
    await expect.poll(() => partial).toEqual(['it has more than 3 folders']);
    await watcher.settled();
    expect(watcher.folders).toBe(3);
  });

  it('tells of every folder when the queue ran over, and follows what it had missed', async () => {
    const { seen, watcher, inject } = await followed();
    const folders = watcher.folders;
    inject([{ watch: -1, mask: IN_Q_OVERFLOW, cookie: 0, name: '' }]);
    await watcher.settled();
    expect(seen.filter((one) => one.startsWith('attributes')).length).toBe(folders);
    expect(watcher.folders).toBe(folders);
  });

  it('looks at the tree once for a queue that ran over again before it could', async () => {
    const { seen, watcher, inject } = await followed();
    const overflow = { watch: -1, mask: IN_Q_OVERFLOW, cookie: 0, name: '' };
    inject([overflow, overflow, overflow]);
    inject([overflow]);
    await watcher.settled();
    expect(seen.filter((one) => one.startsWith('attributes')).length).toBe(watcher.folders);
    inject([overflow]);
    await watcher.settled();
    expect(seen.filter((one) => one.startsWith('attributes')).length).toBe(2 * watcher.folders);
  });
});
