import { copyInto } from '@orlop/wire';
import { Assembler } from './assembler.ts';
import type { BufferPool } from './buffer-pool.ts';

const EMPTY = new Uint8Array(0);
/** Ranges kept beyond a hole. A window of 64 KiB at MSS 536 with every second segment lost has 61. */
const MAX_RANGES = 128;

/**
 * Received bytes, in order and beyond holes, in one ring that exists only while it holds something.
 *
 * Invariant: `#ring` holds stream positions [consumed, consumed + ring length) at `#start` onwards; everything in
 * [consumed, received) is there, and beyond it what the assembler lists.
 */
export class ReceiveQueue {
  readonly #pool: BufferPool;
  #ring: Uint8Array = EMPTY;
  #start = 0;
  #consumed = 0;
  #received = 0;
  #assembler: Assembler | undefined;
  /** The ring that was needed of late: the next begins with it, so that it need not grow through every size. */
  #usualBytes = 0;
  #neededBytes = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Bytes in order and not consumed. */
  get readable(): number {
    return this.#received - this.#consumed;
  }

  /** Stream position of the next byte expected. */
  get received(): number {
    return this.#received;
  }

  get consumed(): number {
    return this.#consumed;
  }

  get hasHoles(): boolean {
    return this.#assembler !== undefined && this.#assembler.rangeCount > 0;
  }

  /**
   * Stores `bytes[from .. from + length)`, which begin `offset` bytes after the next expected byte. Returns by how
   * many bytes the readable part grew; -1 when there were too many holes to keep them.
   */
  insert(offset: number, bytes: Uint8Array, from: number, length: number): number {
    const position = this.#received + offset;
    if (offset === 0 && !this.hasHoles) {
      this.#store(position, bytes, from, length);
      this.#received += length;
      return length;
    }
    this.#assembler ??= new Assembler(MAX_RANGES);
    if (offset > 0) {
      if (!this.#assembler.add(position, position + length)) return -1;
      this.#store(position, bytes, from, length);
      return 0;
    }
    this.#store(position, bytes, from, length);
    const before = this.#received;
    this.#received = this.#assembler.takeContiguous(position + length);
    return this.#received - before;
  }

  /** The stream ends `offset` bytes after the next expected byte: what is held beyond that is no part of it. */
  cut(offset: number): void {
    if (!this.hasHoles) return;
    this.#assembler?.cut(this.#received + offset);
    if (this.readable === 0 && !this.hasHoles) this.#release();
  }

  /** The `index`-th range beyond a hole, newest first, as offsets from the next expected byte. */
  rangeBeyondHole(index: number): { readonly start: number; readonly end: number } | undefined {
    const range = this.#assembler?.recentRange(index);
    if (range === undefined) return undefined;
    return { start: range.start - this.#received, end: range.end - this.#received };
  }

  /** The readable bytes after the first `skip`, up to where the ring wraps. */
  peek(skip: number): Uint8Array {
    const length = this.readable - skip;
    if (length <= 0) return EMPTY;
    const at = (this.#start + skip) & (this.#ring.length - 1);
    return this.#ring.subarray(at, Math.min(at + length, this.#ring.length));
  }

  /** `length` bytes came in order and were used at once. Precondition: nothing is held. */
  pass(length: number): void {
    this.#received += length;
    this.#consumed += length;
  }

  consume(length: number): void {
    const taken = Math.min(length, this.readable);
    this.#consumed += taken;
    this.#start = (this.#start + taken) & (this.#ring.length - 1);
    if (this.#consumed === this.#received && !this.hasHoles) this.#release();
  }

  /** Forgets everything. A view that somebody still holds stays as it is: the block is not used again. */
  clear(): void {
    this.#consumed = this.#received;
    this.#assembler?.clear();
    this.#pool.account(0 - this.#ring.length);
    this.#ring = EMPTY;
    this.#start = 0;
  }

  #release(): void {
    if (this.#ring.length === 0) return;
    this.#usualBytes = Math.max(this.#neededBytes, this.#usualBytes >>> 1);
    this.#neededBytes = 0;
    this.#pool.give(this.#ring);
    this.#ring = EMPTY;
    this.#start = 0;
  }

  #store(position: number, bytes: Uint8Array, from: number, length: number): void {
    const offset = position - this.#consumed;
    if (offset + length > this.#neededBytes) this.#neededBytes = offset + length;
    if (offset + length > this.#ring.length) this.#grow(Math.max(offset + length, this.#usualBytes));
    const ring = this.#ring;
    const at = (this.#start + offset) & (ring.length - 1);
    const first = Math.min(length, ring.length - at);
    copyInto(bytes, from, first, ring, at);
    if (first < length) copyInto(bytes, from + first, length - first, ring, 0);
  }

  #grow(needed: number): void {
    const old = this.#ring;
    const grown = this.#pool.take(needed);
    const tail = old.length - this.#start;
    grown.set(old.subarray(this.#start), 0);
    grown.set(old.subarray(0, this.#start), tail);
    this.#ring = grown;
    this.#start = 0;
    // Not given back: the owner may still hold a view of it.
    this.#pool.account(0 - old.length);
  }
}
