import { join } from 'node:path';
import type { BytePath } from './byte-paths.ts';
import type { FolderEvents } from './inotify.ts';
import * as inotify from './inotify-events.ts';

/** One thing that has happened in a tree. */
export interface Change {
  /** Of the tree. */
  readonly root: BytePath;
  readonly path: BytePath;
  /** In its folder; empty when a folder is told as a whole. */
  readonly name: BytePath;
  readonly folderInode: bigint;
  /** One event of inotify(7), with IN_ISDIR for folders. */
  readonly mask: number;
  /** Joins the two halves of a move; 0 for all others. */
  readonly cookie: number;
  /** Of a folder that went: its own, if it was followed. */
  readonly inode?: bigint | undefined;
  /** Not seen being made, but come upon in a folder that was made or moved here. */
  readonly found?: 'made' | 'moved' | undefined;
}

export interface TreeWatcherOptions {
  readonly root: BytePath;
  /** Names of folders, or their paths below the root with a slash first, that are not followed. */
  readonly exclude: readonly BytePath[];
  /** How many folders are followed at most. */
  readonly maxFolders: number;
  readonly open: (onEvents: (events: inotify.InotifyEvent[]) => void) => FolderEvents;
  /** A folder's entries and its inode number; none and 0 when it cannot be read. */
  readonly list: (path: BytePath) => Promise<FolderListing>;
  readonly onChange: (change: Change) => void;
  /** Told once of a tree that is not followed as a whole, and why. */
  readonly onPartial: (reason: string) => void;
}

export interface FolderListing {
  readonly inode: bigint;
  readonly entries: readonly { readonly name: BytePath; readonly isFolder: boolean }[];
}

export const TREE_MASK =
  inotify.IN_MODIFY |
  inotify.IN_CLOSE_WRITE |
  inotify.IN_ATTRIB |
  inotify.IN_MOVED_FROM |
  inotify.IN_MOVED_TO |
  inotify.IN_CREATE |
  inotify.IN_DELETE |
  inotify.IN_ONLYDIR |
  inotify.IN_DONT_FOLLOW |
  inotify.IN_EXCL_UNLINK;

const ENOSPC = 28;

/** Whether what is come upon is told of. */
type Walk = 'silently' | 'made' | 'moved';

interface Followed {
  readonly watch: number;
  /** 0 until it is listed. */
  inode: bigint;
}

/**
 * Follows a tree of folders, those that are made or moved while it is followed as well. A queue that ran over is made up
 * for by a look at the whole tree: every folder of it is then told as changed.
 *
 * Invariant: each followed folder has one watch; `#paths` and `#folders` are inverse to each other; `#within` has every
 * followed folder once.
 */
export class TreeWatcher {
  readonly #options: TreeWatcherOptions;
  readonly #events: FolderEvents;
  readonly #paths = new Map<number, BytePath>();
  readonly #folders = new Map<BytePath, Followed>();
  /** Of a folder, the followed ones in it. */
  readonly #within = new Map<BytePath, Set<BytePath>>();
  #walks: Promise<void> = Promise.resolve();
  /** The folder whose watch has ended last: that it was removed is told next, by the folder that it was in. */
  #removed: { readonly path: BytePath; readonly inode: bigint | undefined } | undefined;
  #partial = false;
  #isRescanDue = false;
  #closed = false;

  constructor(options: TreeWatcherOptions) {
    this.#options = options;
    this.#events = options.open((events) => {
      for (const event of events) this.#take(event);
    });
  }

  get folders(): number {
    return this.#folders.size;
  }

  /** Resolves when every folder that is there is followed. */
  start(): Promise<void> {
    return this.#walk(this.#options.root, 'silently');
  }

  /** Resolves when folders that came up so far are followed. */
  settled(): Promise<void> {
    return this.#walks;
  }

  close(): void {
    this.#closed = true;
    this.#events.close();
  }

  #take({ watch, mask, cookie, name }: inotify.InotifyEvent): void {
    const { root, onChange } = this.#options;
    if ((mask & inotify.IN_Q_OVERFLOW) !== 0) {
      this.#rescan();
      return;
    }
    const folder = this.#paths.get(watch);
    if (folder === undefined) return;
    if ((mask & inotify.IN_IGNORED) !== 0) {
      this.#removed = { path: folder, inode: this.#folders.get(folder)?.inode };
      this.#forget(watch, folder);
      return;
    }
    if (name === '') {
      // Of any other, the folder that it is in tells as well.
      if (folder === root) this.#tellWhole(folder);
      return;
    }
    const path = join(folder, name);
    const isFolder = (mask & inotify.IN_ISDIR) !== 0;
    const folderInode = this.#folders.get(folder)?.inode ?? 0n;
    const inode =
      this.#folders.get(path)?.inode ?? (this.#removed?.path === path ? this.#removed.inode : undefined);
    onChange({ root, path, name, folderInode, inode, mask, cookie });
    if (!isFolder) return;
    if ((mask & (inotify.IN_DELETE | inotify.IN_MOVED_FROM)) !== 0) this.#leave(path);
    else if ((mask & inotify.IN_CREATE) !== 0) void this.#walk(path, 'made');
    else if ((mask & inotify.IN_MOVED_TO) !== 0) void this.#walk(path, 'moved');
  }

  #tellWhole(path: BytePath): void {
    const { root, onChange } = this.#options;
    const folderInode = this.#folders.get(path)?.inode ?? 0n;
    onChange({ root, path, name: '', folderInode, mask: inotify.IN_ATTRIB | inotify.IN_ISDIR, cookie: 0 });
  }

  /** Once for all overflows that come before it begins: each is of the same queue. */
  #rescan(): void {
    if (this.#isRescanDue) return;
    this.#isRescanDue = true;
    this.#walks = this.#walks.then(() => {
      this.#isRescanDue = false;
      if (this.#closed) return undefined;
      for (const path of [...this.#folders.keys()]) this.#tellWhole(path);
      return this.#walkNow(this.#options.root, 'silently');
    });
  }

  /** One walk at a time, in the order of the events that asked for them. */
  #walk(path: BytePath, how: Walk): Promise<void> {
    this.#walks = this.#walks.then(() => this.#walkNow(path, how));
    return this.#walks;
  }

  async #walkNow(start: BytePath, how: Walk): Promise<void> {
    const { list, onChange, root } = this.#options;
    const waiting = [start];
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      // Watched before it is listed: what is made in between is seen twice rather than never.
      if (this.#closed || this.#isExcluded(path) || !this.#follow(path)) continue;
      const { inode, entries } = await list(path);
      const followed = this.#folders.get(path);
      if (followed !== undefined) followed.inode = inode;
      for (const { name, isFolder } of entries) {
        const child = join(path, name);
        if (isFolder) waiting.push(child);
        if (how === 'silently') continue;
        const mask = inotify.IN_CREATE | (isFolder ? inotify.IN_ISDIR : 0);
        onChange({ root, path: child, name, folderInode: inode, mask, cookie: 0, found: how });
      }
    }
  }

  #follow(path: BytePath): boolean {
    const { maxFolders, onPartial } = this.#options;
    const known = this.#folders.get(path);
    const full = known === undefined && this.#folders.size >= maxFolders;
    const watch = full ? -ENOSPC : this.#events.add(path);
    if (watch >= 0) {
      // A folder that was moved has the watch that it had, under another path.
      const before = this.#paths.get(watch);
      if (before !== undefined && before !== path) this.#drop(before);
      if (known !== undefined && known.watch !== watch) this.#paths.delete(known.watch);
      this.#paths.set(watch, path);
      const siblings = this.#within.get(folderOf(path));
      if (siblings === undefined) this.#within.set(folderOf(path), new Set([path]));
      else siblings.add(path);
      this.#folders.set(path, { watch, inode: known?.watch === watch ? known.inode : 0n });
      return true;
    }
    if (watch === -ENOSPC && !this.#partial) {
      this.#partial = true;
      onPartial(full ? `it has more than ${maxFolders} folders` : 'fs.inotify.max_user_watches is reached');
    }
    return false;
  }

  /** A folder that went away, or out of the tree, with all that is in it. */
  #leave(path: BytePath): void {
    for (const below of [...(this.#within.get(path) ?? [])]) this.#leave(below);
    const followed = this.#folders.get(path);
    if (followed === undefined) return;
    this.#events.remove(followed.watch);
    this.#forget(followed.watch, path);
  }

  #forget(watch: number, path: BytePath): void {
    this.#paths.delete(watch);
    if (this.#folders.get(path)?.watch === watch) this.#drop(path);
  }

  #drop(path: BytePath): void {
    this.#folders.delete(path);
    const siblings = this.#within.get(folderOf(path));
    siblings?.delete(path);
    if (siblings?.size === 0) this.#within.delete(folderOf(path));
  }

  #isExcluded(path: BytePath): boolean {
    const { root, exclude } = this.#options;
    if (path === root) return false;
    const below = path.slice(root === '/' ? 0 : root.length);
    const name = path.slice(path.lastIndexOf('/') + 1);
    return exclude.some((one) => (one.startsWith('/') ? one === below : one === name));
  }
}

function folderOf(path: BytePath): BytePath {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}
