import { lstat, readdir } from 'node:fs/promises';
import type { ShareEventsWay } from '@orlop/api';
import type { Clock, Logger } from '@orlop/core';
import type { Poller } from '@orlop/vnet';
import { type BytePath, pathBytes, toBytePath } from './byte-paths.ts';
import { ChangeFeed } from './change-feed.ts';
import { openInotify } from './inotify.ts';
import { tellKernel } from './kernel-events.ts';
import { type PathStatus, type RaisedEvent, RaisedEvents } from './raised-events.ts';
import { type Change, type FolderListing, TREE_MASK, TreeWatcher } from './tree-watcher.ts';

/** What of the machine's agent is needed. */
export interface EventsAgent {
  eventsWay(): Promise<ShareEventsWay>;
  notify(batch: Uint8Array): Promise<number>;
  raise(events: readonly RaisedEvent[]): Promise<number>;
}

export interface ShareEventsOptions {
  /** The shared folders. */
  readonly folders: readonly { readonly path: string; readonly readOnly: boolean }[];
  /** As of {@link TreeWatcher}. */
  readonly exclude: readonly string[];
  readonly agent: EventsAgent;
  readonly isWanted: () => boolean;
  /** Of the engine's network; without it nothing is told. */
  readonly poller: Poller | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Half of the least that a kernel since 5.11 gives a user on a machine with a gigabyte; a watch costs it about 1 KB. */
const MAX_FOLDERS = 65_536;
/** Some 20 MB while they wait; a watcher's own queue in the machine holds 16,384, and says so when it runs over. */
const MAX_KERNEL_CHANGES = 65_536;
/** Each costs the agent operations on a file. */
const MAX_RAISED_CHANGES = 5000;

/**
 * Tells containers of what the host changes in shared folders. virtiofs has no way for the host to say so; how the machine
 * is told is in docs/design/0062-shared-files.md.
 */
export class ShareEvents {
  readonly #options: ShareEventsOptions;
  readonly #feed: ChangeFeed;
  readonly #raised: RaisedEvents;
  readonly #watchers = new Map<string, TreeWatcher>();
  #way: ShareEventsWay = { kind: 'raise', reason: 'the machine was not asked yet' };
  #stopped = false;

  constructor(options: ShareEventsOptions) {
    const { agent, clock, logger } = options;
    this.#options = options;
    this.#raised = new RaisedEvents({ status: pathStatus, raise: (events) => agent.raise(events) });
    this.#feed = new ChangeFeed({
      tell: (changes) => this.#tell(changes),
      isWanted: options.isWanted,
      maxChanges: () => (this.#way.kind === 'kernel' ? MAX_KERNEL_CHANGES : MAX_RAISED_CHANGES),
      nowMs: () => clock.monotonicMs(),
      after: (delayMs, work) => {
        const timer = setTimeout(work, delayMs).unref();
        return () => clearTimeout(timer);
      },
      onError: (error) => logger.warn('containers were not told of changes', { reason: String(error) }),
    });
  }

  /** How watchers are told; undefined where nothing is shared, or followed. */
  get way(): ShareEventsWay | undefined {
    return this.#watchers.size === 0 ? undefined : this.#way;
  }

  /** Begins to follow the folders; what cannot be followed is said and left out. */
  start(): void {
    const { folders, logger, poller } = this.#options;
    if (folders.length === 0) return;
    if (poller === undefined) {
      logger.warn('containers are not told of changes on the host', {
        reason: 'inotify is not at hand here',
      });
      return;
    }
    this.#ask()
      .then(() => this.#followAll(poller))
      .catch((error) => {
        logger.warn('containers are not told of changes on the host', { reason: String(error) });
      });
  }

  stop(): void {
    this.#stopped = true;
    this.#feed.stop();
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  /** The path of a shared folder leads to another one by now. */
  followAnew(path: string): void {
    const { poller } = this.#options;
    if (poller === undefined || this.#stopped || !this.#watchers.has(path)) return;
    this.#watchers.get(path)?.close();
    this.#follow(path, { poller, maxFolders: Math.floor(MAX_FOLDERS / this.#watchers.size) });
  }

  async #ask(): Promise<void> {
    const { agent, logger } = this.#options;
    try {
      this.#way = await agent.eventsWay();
    } catch (error) {
      // The machine of an older Orlop, brought back.
      this.#way = { kind: 'raise', reason: error instanceof Error ? error.message : String(error) };
    }
    if (this.#way.kind === 'kernel') return;
    const { reason } = this.#way;
    logger.warn('containers see changes of shared folders, but not what is made, removed or moved', {
      reason,
    });
  }

  #followAll(poller: Poller): void {
    if (this.#stopped) return;
    const { folders } = this.#options;
    // Where the host refuses writes, the agent can raise nothing.
    const followed = folders.filter(({ readOnly }) => !readOnly || this.#way.kind === 'kernel');
    const maxFolders = Math.floor(MAX_FOLDERS / followed.length);
    for (const { path } of followed) this.#follow(path, { poller, maxFolders });
  }

  #follow(
    path: string,
    { poller, maxFolders }: { readonly poller: Poller; readonly maxFolders: number },
  ): void {
    const { exclude, logger } = this.#options;
    const watcher = new TreeWatcher({
      root: toBytePath(path),
      exclude: exclude.map(toBytePath),
      maxFolders,
      open: (onEvents) => openInotify(poller, { mask: TREE_MASK, onEvents }),
      list: listFolder,
      onChange: (change) => this.#feed.note(change),
      onPartial: (reason) =>
        logger.warn('a share is not followed as a whole, so containers miss some changes', {
          share: path,
          reason,
          hint: 'orlop config set events.exclude NAME,…',
        }),
    });
    this.#watchers.set(path, watcher);
    watcher
      .start()
      .then(() => logger.debug('follows a share', { share: path, folders: watcher.folders }))
      .catch((error: Error) => logger.warn('a share is not followed', { reason: error.message }));
  }

  #tell(changes: readonly Change[]): Promise<number> {
    if (this.#way.kind === 'raise') return this.#raised.tell(changes);
    const { agent } = this.#options;
    return tellKernel(changes, {
      inode: async (path) => (await pathStatus(path))?.inode,
      notify: (batch) => agent.notify(batch),
    });
  }
}

/** A folder's entries in bytes, of which names consist. */
export async function listFolder(path: BytePath): Promise<FolderListing> {
  const at = pathBytes(path);
  const { inode } = (await pathStatus(path)) ?? { inode: 0n };
  const entries = await readdir(at, { withFileTypes: true, encoding: 'buffer' }).catch(() => []);
  return {
    inode,
    entries: entries.map((entry) => ({ name: entry.name.toString('latin1'), isFolder: entry.isDirectory() })),
  };
}

async function pathStatus(path: BytePath): Promise<PathStatus | undefined> {
  const found = await lstat(pathBytes(path), { bigint: true }).catch(() => undefined);
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
