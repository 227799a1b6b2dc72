/**
 * Compresses one block at a time; given to the writers, which are pure. Deterministic: the same block, the
 * same bytes.
 */
export interface BlockCompressor {
  readonly kind: 'gzip' | 'xz' | 'zstd';
  /** Blocks worth having in the works at once: more than the threads that compress. */
  readonly concurrency: number;
  /** Never changes `block`; `zlib` wrapped for gzip, a whole stream or frame for xz and zstd. */
  compress(block: Uint8Array): Promise<Uint8Array>;
}

/** Runs work side by side and hands the results on in the order in which the work was added. */
export class OrderedWork<Result> {
  readonly #limit: number;
  readonly #pending: {
    readonly result: Promise<Result>;
    readonly take: (result: Result) => Promise<void>;
  }[] = [];

  constructor(limit: number) {
    this.#limit = Math.max(1, limit);
  }

  /** Waits for the oldest work while `limit` pieces are in the works. `take` runs in order, one at a time. */
  async add(result: Promise<Result>, take: (result: Result) => Promise<void>): Promise<void> {
    // Its failure is seen when its turn comes; until then it must not count as unhandled.
    result.catch(() => {});
    this.#pending.push({ result, take });
    if (this.#pending.length >= this.#limit) await this.#takeOldest();
  }

  async drain(): Promise<void> {
    while (this.#pending.length > 0) await this.#takeOldest();
  }

  async #takeOldest(): Promise<void> {
    const oldest = this.#pending.shift();
    if (oldest !== undefined) await oldest.take(await oldest.result);
  }
}
