import { dirname } from 'node:path';
import type { BytePath } from './byte-paths.ts';
import * as inotify from './inotify-events.ts';
import type { Change } from './tree-watcher.ts';

/** What a path is now, as far as it tells whether something has happened to it. */
export interface PathStatus {
  readonly kind: 'file' | 'folder' | 'other';
  readonly inode: bigint;
  readonly sizeBytes: bigint;
  readonly modifiedNs: bigint;
  readonly mode: bigint;
  readonly owner: string;
}

/** One event for the machine's agent to raise on a path. */
export interface RaisedEvent {
  readonly kind: 'modify' | 'attrib';
  readonly path: BytePath;
  readonly inode: bigint;
  /** Of the folder that it is in: containers watch folders rather than files. */
  readonly folderInode: bigint;
}

export interface RaisedEventsOptions {
  /** Does not follow a final link; undefined when there is nothing. */
  readonly status: (path: BytePath) => Promise<PathStatus | undefined>;
  /** @returns how many files and folders are watched in the machine at all */
  readonly raise: (events: readonly RaisedEvent[]) => Promise<number>;
}

/** What has happened to a path: `attributes` when its content surely has not changed. */
type ChangeKind = 'content' | 'attributes' | 'gone';

/** As many as the machine raises in a few seconds even where it is emulated. */
const EVENTS_PER_REQUEST = 500;
/** What was told last is remembered for so many paths. */
const MAX_REMEMBERED = 20_000;

interface Told {
  readonly content: string;
  readonly attributes: string;
}

/**
 * Changes as the machine's agent can raise them where its kernel lacks Orlop's module: by operations that change nothing.
 * Each path is told once for a state that it is in: what a raised event causes on the host changes neither size, time of
 * modification nor mode, and so ends here.
 */
export class RaisedEvents {
  readonly #options: RaisedEventsOptions;
  readonly #told = new Map<BytePath, Told>();

  constructor(options: RaisedEventsOptions) {
    this.#options = options;
  }

  async tell(changes: readonly Change[]): Promise<number> {
    const events = await this.#judge(latestKinds(changes));
    let watched = 1;
    for (let at = 0; at < events.length; at += EVENTS_PER_REQUEST)
      watched = await this.#options.raise(events.slice(at, at + EVENTS_PER_REQUEST));
    return watched;
  }

  async #judge(changes: ReadonlyMap<BytePath, ChangeKind>): Promise<RaisedEvent[]> {
    const folders = new Set<BytePath>();
    const events: RaisedEvent[] = [];
    for (const [path, kind] of changes) {
      if (kind === 'gone' || path.includes('\n')) {
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
  async #judgeOne(path: BytePath, kind: ChangeKind): Promise<RaisedEvent | 'folder' | undefined> {
    const { status } = this.#options;
    const now = await status(path);
    if (now === undefined || now.kind === 'other') return 'folder';
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

  #remember(path: BytePath, state: Told): void {
    this.#told.delete(path);
    this.#told.set(path, state);
    if (this.#told.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#told.keys();
    if (oldest !== undefined) this.#told.delete(oldest);
  }
}

/** The last of what has happened to each path; a new content counts more than new attributes. */
function latestKinds(changes: readonly Change[]): ReadonlyMap<BytePath, ChangeKind> {
  const kinds = new Map<BytePath, ChangeKind>();
  for (const { path, mask } of changes) {
    if ((mask & inotify.IN_CLOSE_WRITE) !== 0) continue; // whoever has written was told of by IN_MODIFY
    const gone = (mask & (inotify.IN_DELETE | inotify.IN_MOVED_FROM)) !== 0;
    const kind = gone ? 'gone' : (mask & inotify.IN_ATTRIB) !== 0 ? 'attributes' : 'content';
    kinds.set(path, kind === 'attributes' && kinds.get(path) === 'content' ? 'content' : kind);
  }
  return kinds;
}
