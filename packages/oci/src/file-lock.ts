import { createHash } from 'node:crypto';
import { link, open, readFile, unlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { ociError } from './errors.ts';
import { isRunning, ownIdentity, ownMark } from './process-identity.ts';

const FIRST_WAIT_MS = 2;
const LONGEST_WAIT_MS = 50;

export interface FileLockOptions {
  /** @default 60_000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Mutual exclusion by a file that its holder creates and removes. Callers of one process queue up in order;
 * the lock of a process that is gone is broken. All must see the same process numbers: a store is not to be
 * shared between a container and its host.
 *
 * Invariant: the file, while it exists, names the process that holds the lock.
 */
export class FileLock {
  readonly #path: string;
  readonly #mark = ownMark();
  #queue: Promise<unknown> = Promise.resolve();
  #turn = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Runs `work` alone. @throws OrlopError oci.store-busy when another process keeps the lock too long */
  async hold<T>(work: () => Promise<T>, options: FileLockOptions = {}): Promise<T> {
    const before = this.#queue;
    const run = (async () => {
      await before;
      await this.#acquire(options);
      try {
        return await work();
      } finally {
        await unlink(this.#path).catch(() => {});
      }
    })();
    this.#queue = run.catch(() => {});
    return run;
  }

  async #acquire({ timeoutMs = 60_000, signal }: FileLockOptions): Promise<void> {
    const identity = await ownIdentity();
    const deadline = performance.now() + timeoutMs;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      signal?.throwIfAborted();
      if (await this.#create(identity)) return;
      const holder = await this.#breakIfStale();
      if (holder === undefined) continue;
      if (performance.now() > deadline)
        throw ociError(
          'oci.store-busy',
          `the process ${holder.split('-')[0]} has held ${this.#path} for over ${Math.round(timeoutMs / 1000)} s`,
        );
      await delay(waitMs, undefined, signal === undefined ? {} : { signal });
    }
  }

  /** The content is in place before the name is, so nobody reads an empty lock. */
  async #create(identity: string, path = this.#path): Promise<boolean> {
    const draft = `${this.#path}.${identity}.${this.#mark}-${this.#turn++}`;
    const file = await open(draft, 'wx', 0o600).catch((cause) => {
      throw ociError('oci.store-unusable', `${path} cannot be made`, { cause });
    });
    try {
      await file.writeFile(identity);
      await file.close();
      await link(draft, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      await file.close().catch(() => {});
      await unlink(draft).catch(() => {});
    }
  }

  /** The living holder, or `undefined` when the lock is free now. */
  async #breakIfStale(): Promise<string | undefined> {
    const holder = await readFile(this.#path, 'latin1').catch(() => undefined);
    if (holder === undefined) return undefined;
    if (await isRunning(holder)) return holder;
    // Of several who see the stale lock one removes it: who is late must not take away its successor.
    const breaking = `${this.#path}.${createHash('sha256').update(holder).digest('hex').slice(0, 16)}`;
    if (await this.#create(await ownIdentity(), breaking)) {
      if ((await readFile(this.#path, 'latin1').catch(() => undefined)) === holder) await unlink(this.#path);
      await unlink(breaking);
      return undefined;
    }
    const other = await readFile(breaking, 'latin1').catch(() => undefined);
    if (other === undefined || (await isRunning(other))) return other;
    await unlink(breaking).catch(() => {});
    return undefined;
  }
}
