import { join } from 'node:path';
import type { FolderEvents } from './inotify.ts';
import * as inotify from './inotify-events.ts';

/** What has happened to a path: `attributes` when its content surely has not changed. */
export type ChangeKind = 'content' | 'attributes' | 'gone';

export interface TreeWatcherOptions {
  readonly root: string;
  /** Names of folders, or their paths below the root with a slash first, that are not followed. */
  readonly exclude: readonly string[];
  /** How many folders are followed at most. */
  readonly maxFolders: number;
  readonly open: (onEvents: (events: inotify.InotifyEvent[]) => void) => FolderEvents;
  /** The entries of a folder; none when it cannot be read. */
  readonly list: (path: string) => Promise<readonly { readonly name: string; readonly isFolder: boolean }[]>;
  readonly onChange: (path: string, kind: ChangeKind) => void;
  /** Told once of a tree that is not followed as a whole, and why. */
  readonly onPartial: (reason: string) => void;
}

export const TREE_MASK =
  inotify.IN_MODIFY |
  inotify.IN_ATTRIB |
  inotify.IN_MOVED_FROM |
  inotify.IN_MOVED_TO |
  inotify.IN_CREATE |
  inotify.IN_DELETE |
  inotify.IN_ONLYDIR |
  inotify.IN_DONT_FOLLOW |
  inotify.IN_EXCL_UNLINK;

const ENOSPC = 28;

/**
 * Follows a tree of folders, those that are made or moved while it is followed as well. A queue that ran over is made up
 * for by a look at the whole tree: every folder of it is then told as changed.
 *
 * Invariant: each followed folder has one watch; `#paths` and `#watches` are inverse to each other.
 */
export class TreeWatcher {
  readonly #options: TreeWatcherOptions;
  readonly #events: FolderEvents;
  readonly #paths = new Map<number, string>();
  readonly #watches = new Map<string, number>();
  #walks: Promise<void> = Promise.resolve();
  #partial = false;
  #closed = false;

  constructor(options: TreeWatcherOptions) {
    this.#options = options;
    this.#events = options.open((events) => {
      for (const event of events) this.#take(event);
    });
  }

  get folders(): number {
    return this.#watches.size;
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

  #take({ watch, mask, name }: inotify.InotifyEvent): void {
    const { onChange } = this.#options;
    if ((mask & inotify.IN_Q_OVERFLOW) !== 0) {
      void this.#rescan();
      return;
    }
    const folder = this.#paths.get(watch);
    if (folder === undefined) return;
    if ((mask & inotify.IN_IGNORED) !== 0) {
      this.#forget(watch, folder);
      return;
    }
    if (name === '') {
      onChange(folder, 'attributes');
      return;
    }
    const path = join(folder, name);
    const isFolder = (mask & inotify.IN_ISDIR) !== 0;
    if ((mask & (inotify.IN_DELETE | inotify.IN_MOVED_FROM)) !== 0) {
      if (isFolder) this.#leave(path);
      onChange(path, 'gone');
    } else {
      onChange(path, (mask & inotify.IN_ATTRIB) !== 0 ? 'attributes' : 'content');
      const came = (mask & (inotify.IN_CREATE | inotify.IN_MOVED_TO)) !== 0;
      if (isFolder && came) void this.#walk(path, 'telling');
    }
  }

  async #rescan(): Promise<void> {
    for (const path of [...this.#watches.keys()]) this.#options.onChange(path, 'attributes');
    await this.#walk(this.#options.root, 'silently');
  }

  /** One walk at a time, in the order of the events that asked for them. */
  #walk(path: string, how: 'silently' | 'telling'): Promise<void> {
    this.#walks = this.#walks.then(() => this.#walkNow(path, how));
    return this.#walks;
  }

  async #walkNow(start: string, how: 'silently' | 'telling'): Promise<void> {
    const { list, onChange } = this.#options;
    const waiting = [start];
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      // Watched before it is listed: what is made in between is seen twice rather than never.
      if (this.#closed || this.#isExcluded(path) || !this.#follow(path)) continue;
      for (const { name, isFolder } of await list(path)) {
        const child = join(path, name);
        if (how === 'telling') onChange(child, 'content');
        if (isFolder) waiting.push(child);
      }
    }
  }

  #follow(path: string): boolean {
    const { maxFolders, onPartial } = this.#options;
    const known = this.#watches.get(path);
    const full = known === undefined && this.#watches.size >= maxFolders;
    const watch = full ? -ENOSPC : this.#events.add(path);
    if (watch >= 0) {
      // A folder that was moved has the watch that it had, under another path.
      const before = this.#paths.get(watch);
      if (before !== undefined && before !== path) this.#watches.delete(before);
      if (known !== undefined && known !== watch) this.#paths.delete(known);
      this.#paths.set(watch, path);
      this.#watches.set(path, watch);
      return true;
    }
    if (watch === -ENOSPC && !this.#partial) {
      this.#partial = true;
      onPartial(full ? `it has more than ${maxFolders} folders` : 'fs.inotify.max_user_watches is reached');
    }
    return false;
  }

  /** A folder that went away, or out of the tree, with all that is in it. */
  #leave(path: string): void {
    for (const [below, watch] of this.#watches) {
      if (below !== path && !below.startsWith(`${path}/`)) continue;
      this.#events.remove(watch);
      this.#forget(watch, below);
    }
  }

  #forget(watch: number, path: string): void {
    this.#paths.delete(watch);
    if (this.#watches.get(path) === watch) this.#watches.delete(path);
  }

  #isExcluded(path: string): boolean {
    const { root, exclude } = this.#options;
    if (path === root) return false;
    const below = path.slice(root === '/' ? 0 : root.length);
    const name = path.slice(path.lastIndexOf('/') + 1);
    return exclude.some((one) => (one.startsWith('/') ? one === below : one === name));
  }
}
