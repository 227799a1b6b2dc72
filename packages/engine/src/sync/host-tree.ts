import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { engineError } from '../errors.ts';
import { withHandles } from './folder-handles.ts';
import { HostSteps, hintOf } from './host-steps.ts';
import type { Change } from './reconcile.ts';
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
import { nameOf } from './sync-tree.ts';

export interface HostTreeOptions {
  readonly root: string;
  /** Where contents wait, if it is on the root's file system. */
  readonly stage: string;
  readonly nowMs: () => number;
  /** The name of a version that somebody wrote in the moment in which it was replaced. */
  readonly asideName: (name: string) => string;
}

const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CHUNK_BYTES = 65_536;
/** Looks at so many entries of a folder at once: more only wait for Node's four threads. */
const AT_ONCE = 64;

/** The host's side: the user's own folder. */
export class HostTree implements SyncSide {
  readonly #options: HostTreeOptions;
  /** The root's file system: others that are mounted in it are not the share's. */
  readonly #device: bigint;
  readonly #stage: string;
  readonly #steps: HostSteps;

  private constructor(options: HostTreeOptions, device: bigint, stage: string) {
    this.#options = options;
    this.#device = device;
    this.#stage = stage;
    this.#steps = new HostSteps({ root: options.root, stage, asideName: options.asideName });
  }

  /** @throws OrlopError `engine.sync-failed` when the folder is not there */
  static async open(options: HostTreeOptions): Promise<HostTree> {
    const { root } = options;
    const found = await lstat(root, { bigint: true }).catch(() => undefined);
    if (found?.isDirectory() !== true) {
      throw engineError('engine.sync-failed', `there is no folder ${root}`);
    }
    await mkdir(options.stage, { recursive: true, mode: 0o700 });
    const isNear = (await lstat(options.stage, { bigint: true })).dev === found.dev;
    return new HostTree(options, found.dev, isNear ? options.stage : join(root, STAGE_NAME));
  }

  list(folders: readonly string[]): ReturnType<SyncSide['list']> {
    return withHandles(this.#options.root, async (handles) => {
      const nowMs = this.#options.nowMs();
      const found: (RawEntry[] | undefined)[] = [];
      for (const path of folders) {
        const folder = await handles.folder(path).catch(() => undefined);
        found.push(folder === undefined ? undefined : await this.#listOne(folder, path === ''));
      }
      return { nowMs, folders: found };
    });
  }

  stat(paths: readonly string[]): ReturnType<SyncSide['stat']> {
    return withHandles(this.#options.root, async (handles) => {
      const nowMs = this.#options.nowMs();
      const entries: (RawEntry | undefined)[] = [];
      for (const path of paths) {
        const place = await handles.place(path).catch(() => undefined);
        entries.push(place === undefined ? undefined : await this.#look(place, nameOf(path)));
      }
      return { nowMs, entries };
    });
  }

  digest(paths: readonly string[]): Promise<(string | undefined)[]> {
    return withHandles(this.#options.root, async (handles) => {
      const digests: (string | undefined)[] = [];
      for (const path of paths) {
        const hash = createHash('sha256');
        const isRead = await handles
          .place(path)
          .then((place) =>
            readFile(place, async ({ bytes }) => {
              for await (const piece of bytes) hash.update(piece);
            }),
          )
          .catch(() => false);
        digests.push(isRead ? hash.digest('hex') : undefined);
      }
      return digests;
    });
  }

  read(
    paths: readonly string[],
    each: (index: number, content: Content | undefined) => Promise<void>,
  ): Promise<void> {
    return withHandles(this.#options.root, async (handles) => {
      for (const [index, path] of paths.entries()) {
        const place = await handles.place(path).catch(() => undefined);
        const isThere = place !== undefined && (await readFile(place, (content) => each(index, content)));
        if (!isThere) await each(index, undefined);
      }
    });
  }

  async stage(number: number, mode: number, content: Content): Promise<void> {
    const path = join(this.#stage, String(number));
    let handle: FileHandle | undefined;
    let refusal: unknown;
    const attempt = async (work: () => Promise<unknown>) => {
      if (refusal !== undefined) return;
      await work().catch((error: unknown) => {
        refusal = error;
      });
    };
    await attempt(async () => {
      await mkdir(this.#stage, { recursive: true, mode: 0o700 });
      await rm(path, { force: true });
      handle = await open(path, 'wx', 0o600);
    });
    try {
      // Read to its end even if there is no room for it: the next one follows.
      for await (const piece of content.bytes) await attempt(async () => handle?.appendFile(piece)); // write may take a part
      if (!content.isWhole()) return;
      await attempt(async () => {
        await handle?.chmod(mode & 0o777);
        const time = content.modifiedMs / 1000;
        if (Number.isFinite(time)) await handle?.utimes(time, time);
      });
      if (refusal === undefined) this.#steps.staged.add(number);
      else this.#steps.refused.set(number, refusal);
    } finally {
      await handle?.close();
    }
  }

  async apply(changes: readonly Change[]): Promise<readonly Outcome[]> {
    const outcomes = await this.#steps.apply(changes);
    await rm(this.#stage, { recursive: true, force: true });
    return outcomes;
  }

  /** Resolves when all that is in the tree now is on the disk. */
  commit(): Promise<void> {
    return this.#steps.flush(this.#options.root);
  }

  async #listOne(folder: string, isRoot: boolean): Promise<RawEntry[] | undefined> {
    const names = await readdir(folder).catch(() => undefined);
    if (names === undefined) return undefined;
    const entries: RawEntry[] = [];
    for (let at = 0; at < names.length; at += AT_ONCE) {
      const some = names.slice(at, at + AT_ONCE).filter((name) => !isRoot || name !== STAGE_NAME);
      const looked = await Promise.all(some.map((name) => this.#look(`${folder}/${name}`, name)));
      for (const [index, entry] of looked.entries()) {
        // A name that is no UTF-8 cannot be looked at.
        entries.push(entry ?? unknown(some[index] ?? ''));
      }
    }
    return entries;
  }

  async #look(place: string, name: string): Promise<RawEntry | undefined> {
    const found = await lstat(place, { bigint: true }).catch(() => undefined);
    if (found === undefined) return undefined;
    const { mode, size, dev } = found;
    const base = { name, sizeBytes: Number(size), hint: hintOf(found), changedMs: Number(found.ctimeMs) };
    if (!isPortableName(name) || dev !== this.#device) return unknown(name);
    const bits = Number(mode) & 0o777;
    if (found.isFile()) return { ...base, kind: 'file', mode: bits | FILE_FLOOR };
    if (found.isDirectory()) return { ...base, kind: 'folder', mode: bits | FOLDER_FLOOR };
    if (!found.isSymbolicLink()) return unknown(name);
    const target = await readlink(place).catch(() => undefined);
    if (target === undefined || target.includes('\uFFFD')) return unknown(name);
    return { ...base, kind: 'link', mode: 0o777, target };
  }
}

function unknown(name: string): RawEntry {
  return { name, kind: 'other', mode: 0, sizeBytes: 0, hint: '', changedMs: 0 };
}

/** @returns whether there is such a file; `use` was called then */
async function readFile(place: string, use: (content: Content) => Promise<void>): Promise<boolean> {
  let handle: FileHandle;
  try {
    handle = await open(place, FILE);
  } catch {
    return false;
  }
  try {
    const before = await handle.stat({ bigint: true });
    if (!before.isFile()) return false;
    const sizeBytes = Number(before.size);
    let isWhole = false;
    const bytes = (async function* () {
      isWhole = yield* pieces(handle, sizeBytes);
      isWhole &&= hintOf(await handle.stat({ bigint: true })) === hintOf(before);
    })();
    await use({ sizeBytes, modifiedMs: Number(before.mtimeMs), bytes, isWhole: () => isWhole });
    return true;
  } finally {
    await handle.close();
  }
}

/** Exactly so many bytes; zeros for what is missing. @returns whether nothing was */
async function* pieces(handle: FileHandle, sizeBytes: number): AsyncGenerator<Uint8Array, boolean> {
  for (let left = sizeBytes; left > 0; ) {
    const buffer = Buffer.allocUnsafe(Math.min(left, CHUNK_BYTES));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) {
      for (; left > 0; left -= Math.min(left, CHUNK_BYTES)) yield Buffer.alloc(Math.min(left, CHUNK_BYTES));
      return false;
    }
    left -= bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
  return true;
}
