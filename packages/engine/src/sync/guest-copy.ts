import { getSystemErrorName } from 'node:util';
import { engineError } from '../errors.ts';
import type { GuestChannel } from './guest-channel.ts';
import type { Change } from './reconcile.ts';
import { MAX_ENTRIES, tooManyEntries } from './replica.ts';
import {
  type Content,
  FILE_FLOOR,
  FOLDER_FLOOR,
  isPortableName,
  type Outcome,
  type RawEntry,
  STAGE_NAME,
  type SyncSide,
} from './sync-side.ts';
import { nameOf, type SyncNode } from './sync-tree.ts';

/** What the copy in the machine remembers; none when it is new. */
export interface CopyState {
  /** Of the host's record that it belongs to. */
  readonly stamp: string;
  /** Counts commits: a copy that was put back to an older state has a smaller one than the host's record. */
  readonly generation: number;
}

export interface GuestCopyOptions {
  /** User and group of what is made in the machine. @default the machine's root */
  readonly owner?: readonly [number, number];
  /** Heard in answer to one question, so that a hostile machine does not fill the daemon. @default 2000000 */
  readonly maxEntries?: number;
}

/** As many as the machine lists, or looks at, within a second or so. */
const FOLDERS_AT_ONCE = 64;
const PATHS_AT_ONCE = 400;
const MAX_TARGET = 4096;

/**
 * The machine's side. A container is root over the copy and may be hostile: what is heard is judged here (names, kinds,
 * sizes), and nothing of it is more than a name within the share to the rest of the daemon.
 */
export class GuestCopy implements SyncSide {
  readonly #channel: GuestChannel;
  readonly #owner: readonly [number, number] | undefined;
  readonly #maxEntries: number;

  constructor(channel: GuestChannel, { owner, maxEntries = MAX_ENTRIES }: GuestCopyOptions = {}) {
    this.#channel = channel;
    this.#owner = owner;
    this.#maxEntries = maxEntries;
  }

  async hello(): Promise<CopyState | undefined> {
    const { version, state } = await this.#channel.ask({ do: 'hello' });
    if (version !== 1) throw unexpected('version', version);
    if (typeof state !== 'object' || state === null) return undefined;
    const { stamp, generation } = state as Record<string, unknown>;
    return typeof stamp === 'string' && typeof generation === 'number' ? { stamp, generation } : undefined;
  }

  async adopt(stamp: string): Promise<void> {
    await this.#done({
      ...{ do: 'adopt', stamp },
      ...(this.#owner !== undefined && { owner: this.#owner }),
    });
  }

  /** Resolves when all that was applied is on the machine's disk. */
  async commit(generation: number): Promise<void> {
    await this.#done({ do: 'commit', generation });
  }

  list(folders: readonly string[]): ReturnType<SyncSide['list']> {
    return this.#channel.exchange(async () => {
      const found: (RawEntry[] | undefined)[] = [];
      let nowMs = 0;
      let count = 0;
      for (const some of chunks(folders, FOLDERS_AT_ONCE)) {
        const lists = some.map((): RawEntry[] | undefined => []);
        await this.#channel.say({ do: 'list', folders: some });
        for (;;) {
          const answer: unknown = await this.#channel.hear();
          if (Array.isArray(answer)) {
            const [index, entries] = answer as readonly unknown[];
            if (!Array.isArray(entries)) throw unexpected('list', entries);
            count += entries.length;
            if (count > this.#maxEntries) throw tooManyEntries(this.#maxEntries);
            const list = lists[Number(index)];
            for (const entry of entries) list?.push(readEntry(entry));
            continue;
          }
          const { now, failed } = answer as { readonly now: unknown; readonly failed: unknown };
          if (!Array.isArray(failed)) throw unexpected('list', failed);
          nowMs = Number(now);
          for (const index of failed) if (Number(index) < some.length) lists[Number(index)] = undefined;
          break;
        }
        found.push(...lists);
      }
      return { nowMs, folders: found };
    });
  }

  async stat(paths: readonly string[]): ReturnType<SyncSide['stat']> {
    const entries: (RawEntry | undefined)[] = [];
    let nowMs = 0;
    for (const some of chunks(paths, PATHS_AT_ONCE)) {
      const answer = await this.#channel.ask({ do: 'stat', paths: some });
      nowMs = Number(answer['now']);
      const names = some.map(nameOf);
      for (const [index, entry] of listOf(answer['entries'], some.length).entries()) {
        entries.push(entry === null ? undefined : { ...readEntry(entry), name: names[index] ?? '' });
      }
    }
    return { nowMs, entries };
  }

  async digest(paths: readonly string[]): Promise<(string | undefined)[]> {
    const digests: (string | undefined)[] = [];
    for (const some of chunks(paths, PATHS_AT_ONCE)) {
      const answer = await this.#channel.ask({ do: 'digest', paths: some });
      for (const digest of listOf(answer['digests'], some.length)) {
        digests.push(typeof digest === 'string' && /^[0-9a-f]{64}$/.test(digest) ? digest : undefined);
      }
    }
    return digests;
  }

  read(
    paths: readonly string[],
    each: (index: number, content: Content | undefined) => Promise<void>,
  ): Promise<void> {
    return this.#channel.exchange(async () => {
      for (const [from, some] of chunks(paths, PATHS_AT_ONCE).entries()) {
        await this.#channel.say({ do: 'read', paths: some });
        for (const at of some.keys()) {
          const index = from * PATHS_AT_ONCE + at;
          const { size, modified } = await this.#channel.hear();
          if (size === -1) await each(index, undefined);
          else if (typeof size === 'number' && Number.isSafeInteger(size) && size >= 0) {
            await this.#readOne(size, Number(modified), (content) => each(index, content));
          } else throw unexpected('size', size);
        }
      }
    });
  }

  stage(number: number, mode: number, content: Content): Promise<void> {
    const { sizeBytes: size, modifiedMs: modified, bytes } = content;
    return this.#channel.exchange(async () => {
      await this.#channel.say({ do: 'stage', number, mode, size, modified });
      for await (const piece of bytes) await this.#channel.send(piece);
      await this.#channel.send(Buffer.from(content.isWhole() ? '1' : '0'));
    });
  }

  async apply(changes: readonly Change[]): Promise<Outcome[]> {
    const steps = changes.map(stepOf);
    const answer = await this.#channel.ask({
      do: 'apply',
      steps,
      ...(this.#owner !== undefined && { owner: this.#owner }),
    });
    return listOf(answer['results'], steps.length).map((result): Outcome => {
      const [kind, what] = Array.isArray(result) ? result : [undefined];
      if (kind === 'failed') return { kind, reason: errorName(Number(what)) };
      if (kind !== 'done') return { kind: 'changed' };
      return Array.isArray(what) ? { kind, hint: readEntry(what).hint } : { kind };
    });
  }

  async #readOne(size: number, modifiedMs: number, use: (content: Content) => Promise<void>): Promise<void> {
    let isWhole = false;
    let isRead = false;
    const channel = this.#channel;
    const bytes = (async function* () {
      yield* channel.bytes(size);
      for await (const last of channel.bytes(1)) isWhole = last[0] === 0x31;
      isRead = true;
    })();
    await use({ sizeBytes: size, modifiedMs, bytes, isWhole: () => isWhole });
    if (!isRead) for await (const _ of bytes);
    if (!isRead) throw engineError('engine.sync-failed', 'a content was not read to its end');
  }

  async #done(message: unknown): Promise<void> {
    const { done } = await this.#channel.ask(message);
    if (done !== true)
      throw engineError('engine.sync-failed', "the machine's disk refuses what it should keep");
  }
}

function stepOf(change: Change, index: number): object {
  const { path } = change;
  switch (change.kind) {
    case 'folder':
      return { do: 'folder', path, mode: change.mode };
    case 'file':
      return { do: 'file', path, number: index, ...hintOf(change.of) };
    case 'link':
      return { do: 'link', path, target: change.link.target, ...hintOf(change.of) };
    case 'mode':
      return { do: 'mode', path, mode: change.mode, ...hintOf(change.of) };
    case 'remove':
      return change.of.kind === 'folder'
        ? { do: 'remove-folder', path }
        : { do: 'remove', path, ...hintOf(change.of) };
    case 'set-aside':
      return { do: 'set-aside', path, to: change.to, ...hintOf(change.of) };
  }
}

function hintOf(node: SyncNode | undefined): { readonly of?: string } {
  if (node?.kind !== 'file' && node?.kind !== 'link') return {};
  return node.hint === undefined ? {} : { of: node.hint };
}

const KINDS: ReadonlyMap<unknown, RawEntry['kind']> = new Map([
  ['f', 'file'],
  ['d', 'folder'],
  ['l', 'link'],
  ['x', 'other'],
]);

/** As of guest/src/sync/messages.ts. @throws OrlopError `engine.sync-failed` for what no file system has */
function readEntry(value: unknown): RawEntry {
  const [name, letter, mode, size, hint, changed, target] = Array.isArray(value) ? value : [];
  const kind = KINDS.get(letter);
  if (
    typeof name !== 'string' ||
    kind === undefined ||
    !Number.isSafeInteger(mode) ||
    !Number.isSafeInteger(size) ||
    size < 0 ||
    typeof hint !== 'string' ||
    !/^[\d.-]{0,90}$/.test(hint)
  ) {
    throw unexpected('entry', value);
  }
  const isPortable = (name === '' || isPortableName(name)) && name !== STAGE_NAME;
  const isLink = kind === 'link';
  const hasTarget = typeof target === 'string' && target !== '' && !/[\0\uFFFD]/.test(target);
  if (!isPortable || (isLink && (!hasTarget || target.length > MAX_TARGET))) {
    return { name, kind: 'other', mode: 0, sizeBytes: 0, hint: '', changedMs: 0 };
  }
  return {
    ...{ name, kind, hint, sizeBytes: size, changedMs: Number(changed) },
    mode: (mode & 0o777) | (kind === 'folder' ? FOLDER_FLOOR : FILE_FLOOR),
    ...(isLink && { target }),
  };
}

/** The machine's numbers are Linux's, and so are the host's. */
function errorName(number: number): string {
  return Number.isSafeInteger(number) && number > 0 ? getSystemErrorName(-number) : `error ${number}`;
}

function listOf(value: unknown, length: number): readonly unknown[] {
  if (Array.isArray(value) && value.length === length) return value;
  throw unexpected('list', value);
}

function unexpected(what: string, value: unknown): Error {
  return engineError(
    'engine.sync-failed',
    `the machine's answer has no ${what} that is one: ${JSON.stringify(value)?.slice(0, 80)}`,
  );
}

function chunks<T>(list: readonly T[], size: number): (readonly T[])[] {
  const found: (readonly T[])[] = [];
  for (let at = 0; at < list.length; at += size) found.push(list.slice(at, at + size));
  return found;
}
