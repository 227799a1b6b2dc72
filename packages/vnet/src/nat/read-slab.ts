import type { BufferLease } from '@orlop/netstack';

/** Large enough that bulk transfers ask for a new one seldom, small enough to stay in the cache. */
const SLAB_LEN = 256 * 1024;
/** Less than this left: the next read gets another slab rather than a short piece. */
const MIN_SPACE_LEN = 32 * 1024;
/** What one read may bring. */
const MAX_READ_LEN = 128 * 1024;
/** The stack copies shorter writes, so that their place can be used again. */
const COPIED_BELOW = 2048;
/** Slabs that lie idle for the next transfer; more go back to the system. */
const MAX_IDLE = 8;

/**
 * Memory for what is read from the host and written to the stack, which keeps the arrays until the guest has
 * acknowledged them. Pieces are cut from slabs; a slab whose last piece is acknowledged is used again, the last
 * one first: it is still in the cache, and its pages need not be made anew.
 */
export class ReadSlab {
  readonly #idle: Slab[] = [];
  #current: Slab;
  #space: Uint8Array;

  constructor() {
    this.#current = this.#newSlab();
    this.#space = this.#current.bytes;
  }

  /** Room for at most `wanted` bytes; valid until `take` or the next `space`. */
  space(wanted: number): Uint8Array {
    const length = Math.min(wanted, MAX_READ_LEN);
    if (this.#current.isUnused) this.#current.used = 0;
    if (SLAB_LEN - this.#current.used < Math.min(length, MIN_SPACE_LEN)) this.#turnOver();
    const { bytes, used } = this.#current;
    const end = Math.min(used + length, SLAB_LEN);
    const last = this.#space;
    // Between short messages nothing changes: the same place, as large.
    if (last.buffer === bytes.buffer && last.byteOffset === used && last.length === end - used) return last;
    this.#space = bytes.subarray(used, end);
    return this.#space;
  }

  /** The first `length` bytes of the last space are in use until the lease is released. */
  take(length: number): BufferLease {
    const slab = this.#current;
    slab.hold();
    // Kept 16-byte aligned: checksums read words.
    if (length >= COPIED_BELOW) slab.used = Math.min((slab.used + length + 15) & ~15, SLAB_LEN);
    return slab;
  }

  #turnOver(): void {
    const full = this.#current;
    this.#current = this.#idle.pop() ?? this.#newSlab();
    this.#current.used = 0;
    full.retire();
  }

  #newSlab(): Slab {
    return new Slab((slab) => {
      if (this.#idle.length < MAX_IDLE) this.#idle.push(slab);
    });
  }
}

/** Invariant: `onFree` is called once per retirement, when nobody holds a piece. */
class Slab implements BufferLease {
  readonly bytes = new Uint8Array(SLAB_LEN);
  used = 0;
  readonly #onFree: (slab: Slab) => void;
  #held = 0;
  #retired = false;

  constructor(onFree: (slab: Slab) => void) {
    this.#onFree = onFree;
  }

  get isUnused(): boolean {
    return this.#held === 0;
  }

  hold(): void {
    this.#held++;
  }

  release(): void {
    this.#held--;
    this.#freeIfDone();
  }

  retire(): void {
    this.#retired = true;
    this.#freeIfDone();
  }

  #freeIfDone(): void {
    if (!this.#retired || this.#held > 0) return;
    this.#retired = false;
    this.#onFree(this);
  }
}
