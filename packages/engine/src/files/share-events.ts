import { lstat, readdir } from 'node:fs/promises';
import type { Clock, Logger } from '@orlop/core';
import type { Poller } from '@orlop/vnet';
import { ChangeFeed, type PathStatus, type RaisedEvent } from './change-feed.ts';
import { openInotify } from './inotify.ts';
import { TREE_MASK, TreeWatcher } from './tree-watcher.ts';

export interface ShareEventsOptions {
  /** The shared folders that may be written. */
  readonly folders: readonly string[];
  /** As of {@link TreeWatcher}. */
  readonly exclude: readonly string[];
  readonly raise: (events: readonly RaisedEvent[]) => Promise<number>;
  readonly isWanted: () => boolean;
  /** Of the engine's network; without it nothing is told. */
  readonly poller: Poller | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Half of the least that a kernel since 5.11 gives a user on a machine with a gigabyte; a watch costs it about 1 KB. */
const MAX_FOLDERS = 65_536;

/**
 * Tells containers of what the host changes in shared folders. virtiofs has no way for the host to say so; the machine's
 * agent raises the events, and how is in docs/design/0062-shared-files.md.
 */
export class ShareEvents {
  readonly #options: ShareEventsOptions;
  readonly #feed: ChangeFeed;
  readonly #watchers: TreeWatcher[] = [];

  constructor(options: ShareEventsOptions) {
    this.#options = options;
    this.#feed = new ChangeFeed({
      status: pathStatus,
      raise: options.raise,
      isWanted: options.isWanted,
      nowMs: () => options.clock.monotonicMs(),
      after: (delayMs, work) => {
        const timer = setTimeout(work, delayMs).unref();
        return () => clearTimeout(timer);
      },
      onError: (error) =>
        options.logger.warn('containers were not told of changes', { reason: String(error) }),
    });
  }

  /** Begins to follow the folders; what cannot be followed is said and left out. */
  start(): void {
    const { folders, exclude, logger, poller } = this.#options;
    if (folders.length === 0) return;
    if (poller === undefined) {
      logger.warn('containers are not told of changes on the host', {
        reason: 'inotify is not at hand here',
      });
      return;
    }
    try {
      for (const root of folders) {
        const watcher = new TreeWatcher({
          root,
          exclude,
          maxFolders: Math.floor(MAX_FOLDERS / folders.length),
          open: (onEvents) => openInotify(poller, { mask: TREE_MASK, onEvents }),
          list: listFolder,
          onChange: (path, kind) => this.#feed.note(path, kind),
          onPartial: (reason) =>
            logger.warn('a share is not followed as a whole, so containers miss some changes', {
              share: root,
              reason,
              hint: 'orlop config set events.exclude NAME,…',
            }),
        });
        this.#watchers.push(watcher);
        watcher
          .start()
          .then(() => logger.debug('follows a share', { share: root, folders: watcher.folders }))
          .catch((error: Error) => logger.warn('a share is not followed', { reason: error.message }));
      }
    } catch (error) {
      logger.warn('containers are not told of changes on the host', { reason: String(error) });
    }
  }

  stop(): void {
    this.#feed.stop();
    for (const watcher of this.#watchers) watcher.close();
  }
}

async function listFolder(path: string): Promise<{ name: string; isFolder: boolean }[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }));
}

async function pathStatus(path: string): Promise<PathStatus | undefined> {
  const found = await lstat(path, { bigint: true }).catch(() => undefined);
  if (found === undefined) return undefined;
  return {
    kind: found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other',
    inode: found.ino,
    sizeBytes: found.size,
    modifiedNs: found.mtimeNs,
    mode: found.mode,
    owner: `${found.uid}:${found.gid}`,
  };
}
