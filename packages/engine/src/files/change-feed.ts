import { dirname } from 'node:path';
import type { ChangeKind } from './tree-watcher.ts';

/** What a path is now, as far as it tells whether something has happened to it. */
export interface PathStatus {
  readonly kind: 'file' | 'folder' | 'other';
  readonly inode: bigint;
  readonly sizeBytes: bigint;
  readonly modifiedNs: bigint;
  readonly mode: bigint;
  readonly owner: string;
}

/** One event for the machine to raise on a path. */
export interface RaisedEvent {
  readonly kind: 'modify' | 'attrib';
  readonly path: string;
  readonly inode: bigint;
  /** Of the folder that it is in: containers watch folders rather than files. */
  readonly folderInode: bigint;
}

export interface ChangeFeedOptions {
  /** Does not follow a final link; undefined when there is nothing. */
  readonly status: (path: string) => Promise<PathStatus | undefined>;
  /** @returns how many files and folders are watched in the machine at all */
  readonly raise: (events: readonly RaisedEvent[]) => Promise<number>;
  /** Whether somebody could watch; while not, nothing is kept. */
  readonly isWanted: () => boolean;
  readonly nowMs: () => number;
  /** Calls back later, unless the returned function is called before. */
  readonly after: (delayMs: number, work: () => void) => () => void;
  readonly onError: (error: unknown) => void;
}

/** A file that is written in pieces is told once it has rested: then nobody is in the middle of writing it. */
const REST_MS = 50;
/** While it never rests, this often. */
const LONGEST_MS = 300;
/** Nobody watches: how soon it is asked again. */
const UNWATCHED_MS = 500;
/** More changes than these at once become events of their folders. */
const MAX_CHANGES = 5000;
/** As many as the machine raises in a few seconds even where it is emulated. */
const EVENTS_PER_REQUEST = 500;
/** What was told last is remembered for so many paths. */
const MAX_REMEMBERED = 20_000;

interface Told {
  readonly content: string;
  readonly attributes: string;
}

/**
 * What is told to the machine of changes on the host. Each path is told once for a state that it is in: the event that a
 * raised event causes on the host changes neither size, time of modification nor mode, and so ends here.
 */
export class ChangeFeed {
  readonly #options: ChangeFeedOptions;
  readonly #pending = new Map<string, ChangeKind>();
  readonly #told = new Map<string, Told>();
  #cancel: (() => void) | undefined;
  /** When the first of those that wait came. */
  #sinceMs = 0;
  #sending = false;
  #slow = false;
  #stopped = false;

  constructor(options: ChangeFeedOptions) {
    this.#options = options;
  }

  note(path: string, kind: ChangeKind): void {
    if (this.#stopped || !this.#options.isWanted()) return;
    const before = this.#pending.get(path);
    this.#pending.set(path, kind === 'attributes' && before === 'content' ? 'content' : kind);
    if (!this.#sending) this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#pending.clear();
  }

  #schedule(): void {
    const { nowMs, after } = this.#options;
    if (this.#cancel === undefined) this.#sinceMs = nowMs();
    else if (this.#slow || nowMs() + REST_MS > this.#sinceMs + LONGEST_MS) return;
    this.#cancel?.();
    this.#cancel = after(this.#slow ? UNWATCHED_MS : REST_MS, () => {
      this.#cancel = undefined;
      void this.#send();
    });
  }

  async #send(): Promise<void> {
    this.#sending = true;
    const changes = [...this.#pending];
    this.#pending.clear();
    try {
      const events = await this.#judge(changes);
      for (let at = 0; at < events.length && !this.#stopped; at += EVENTS_PER_REQUEST) {
        this.#slow = (await this.#options.raise(events.slice(at, at + EVENTS_PER_REQUEST))) === 0;
      }
    } catch (error) {
      this.#options.onError(error);
    } finally {
      this.#sending = false;
    }
    if (this.#pending.size > 0 && !this.#stopped) this.#schedule();
  }

  async #judge(changes: readonly [string, ChangeKind][]): Promise<RaisedEvent[]> {
    const folders = new Set<string>();
    const events: RaisedEvent[] = [];
    for (const [path, kind] of changes) {
      if (kind === 'gone' || changes.length > MAX_CHANGES || path.includes('\n')) {
        folders.add(dirname(path));
        continue;
      }
      const event = await this.#judgeOne(path, kind);
      if (event === 'folder') folders.add(dirname(path));
      else if (event !== undefined) events.push(event);
    }
    for (const folder of folders) {
      if (folder.includes('\n')) continue;
      const event = await this.#judgeOne(folder, 'attributes');
      if (event !== undefined && event !== 'folder') events.push(event);
    }
    return events;
  }

  /** @returns `folder` when only its folder can tell of it */
  async #judgeOne(path: string, kind: ChangeKind): Promise<RaisedEvent | 'folder' | undefined> {
    const { status } = this.#options;
    const now = await status(path);
    if (now === undefined) return 'folder';
    if (now.kind === 'other') return 'folder';
    const before = this.#told.get(path);
    const state: Told = {
      content: `${now.inode} ${now.sizeBytes} ${now.modifiedNs}`,
      attributes: `${now.mode} ${now.owner}`,
    };
    if (before?.content === state.content && before.attributes === state.attributes) return undefined;
    this.#remember(path, state);
    const folderInode = (await status(dirname(path)))?.inode ?? 0n;
    const onlyAttributes = before === undefined ? kind === 'attributes' : before.content === state.content;
    const raised = now.kind === 'folder' || onlyAttributes ? 'attrib' : 'modify';
    return { kind: raised, path, inode: now.inode, folderInode };
  }

  #remember(path: string, state: Told): void {
    this.#told.delete(path);
    this.#told.set(path, state);
    if (this.#told.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#told.keys();
    if (oldest !== undefined) this.#told.delete(oldest);
  }
}
