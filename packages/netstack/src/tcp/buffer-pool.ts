/** Smallest block that is handed out. */
const MIN_BLOCK = 4096;

/**
 * Blocks of powers of two for queues that are empty most of the time, and the account of how much all queues of a
 * stack hold together.
 *
 * Invariant: `usedBytes` is the sum of all blocks taken and not given back; at most `keepBytes` lie idle.
 */
export class BufferPool {
  readonly #keepBytes: number;
  readonly #budgetBytes: number;
  readonly #idle = new Map<number, Uint8Array[]>();
  #idleBytes = 0;
  #used = 0;

  constructor(options: { readonly keepBytes: number; readonly budgetBytes: number }) {
    this.#keepBytes = options.keepBytes;
    this.#budgetBytes = options.budgetBytes;
  }

  get usedBytes(): number {
    return this.#used;
  }

  /** True when queues should not grow beyond what they need to make progress. */
  get underPressure(): boolean {
    return this.#used > this.#budgetBytes;
  }

  /** A block of at least `sizeBytes`, with arbitrary content. */
  take(sizeBytes: number): Uint8Array {
    let size = MIN_BLOCK;
    while (size < sizeBytes) size *= 2;
    this.#used += size;
    const block = this.#idle.get(size)?.pop();
    if (block === undefined) return new Uint8Array(size);
    this.#idleBytes -= size;
    return block;
  }

  /** Takes a block back; nobody may look at it any more. */
  give(block: Uint8Array): void {
    this.#used -= block.length;
    if (this.#idleBytes + block.length > this.#keepBytes) return;
    this.#idleBytes += block.length;
    const list = this.#idle.get(block.length);
    if (list === undefined) this.#idle.set(block.length, [block]);
    else list.push(block);
  }

  /** Bytes that somebody else holds on behalf of a queue (a caller's array waiting to be sent). */
  account(deltaBytes: number): void {
    this.#used += deltaBytes;
  }
}
