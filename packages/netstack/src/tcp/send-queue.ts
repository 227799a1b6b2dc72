import { copyInto } from '@orlop/wire';
import type { BufferLease } from '../face.ts';
import type { BufferPool } from './buffer-pool.ts';

/** Writes shorter than this are gathered by copying: keeping an array each would cost more than the copy. */
const COPY_BELOW = 2048;
const GATHER_BYTES = 16384;
/** Of an exchange of short messages, each takes the place of the last; longer ones are not worth keeping. */
const KEPT_LEN = 256;

/**
 * Bytes written and not yet acknowledged, as the arrays that the program wrote, in order.
 *
 * Invariant: `#chunks[#head ..]` with `#lengths` cover stream positions [base, end); `#cursorIndex` is a chunk
 * that begins at position `#cursorStart`, or lies at `#head` with `#cursorStart` = `#headStart`.
 */
export class SendQueue {
  readonly #pool: BufferPool;
  #chunks: Uint8Array[] = [];
  #lengths: number[] = [];
  #leases: (BufferLease | undefined)[] = [];
  #head = 0;
  /** Stream position at which the chunk at `#head` begins; at most `#base`. */
  #headStart = 0;
  #base = 0;
  #end = 0;
  #cursorIndex = 0;
  #cursorStart = 0;
  /** True when the last chunk is our own and has room behind its length. */
  #gathering = false;
  /** A short one of our own from the last lone write, for the next: nobody else looks at it. */
  #kept: Uint8Array | undefined;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Bytes not acknowledged. */
  get length(): number {
    return this.#end - this.#base;
  }

  /** Appends the first `length` bytes; the array is kept unless they are few, and its lease released when it no longer is. */
  append(bytes: Uint8Array, lease?: BufferLease, length = bytes.length): void {
    if (length === 0) return;
    if (length < COPY_BELOW) {
      this.#gather(bytes, length);
      lease?.release();
    } else {
      this.#push(length === bytes.length ? bytes : bytes.subarray(0, length), length, false);
      this.#leases[this.#chunks.length - 1] = lease;
    }
    this.#end += length;
    this.#pool.account(length);
  }

  /** Copies `length` bytes that begin `offset` bytes after the first unacknowledged one. */
  copy(offset: number, length: number, into: Uint8Array, at: number): void {
    let position = this.#base + offset;
    this.#seek(position);
    let index = this.#cursorIndex;
    let start = this.#cursorStart;
    let target = at;
    let left = length;
    while (left > 0) {
      const chunk = this.#chunks[index];
      if (chunk === undefined) return;
      const from = position - start;
      const count = Math.min(left, (this.#lengths[index] ?? 0) - from);
      copyInto(chunk, from, count, into, target);
      target += count;
      position += count;
      left -= count;
      this.#cursorIndex = index;
      this.#cursorStart = start;
      start += this.#lengths[index] ?? 0;
      index++;
    }
  }

  /** The first `length` bytes are acknowledged. */
  discard(length: number): void {
    this.#base += length;
    // Not `-length`: minus zero is no small integer, and would make the account a floating-point number for ever.
    this.#pool.account(0 - length);
    if (this.#base === this.#end) {
      this.#reset();
      return;
    }
    let ownLength = this.#lengths[this.#head] ?? 0;
    while (this.#headStart + ownLength <= this.#base) {
      this.#headStart += ownLength;
      this.#release(this.#head);
      this.#chunks[this.#head] = NOTHING;
      this.#head++;
      ownLength = this.#lengths[this.#head] ?? 0;
    }
    if (this.#cursorIndex < this.#head) {
      this.#cursorIndex = this.#head;
      this.#cursorStart = this.#headStart;
    }
    if (this.#head > 64 && this.#head * 2 > this.#chunks.length) this.#compact();
  }

  clear(): void {
    this.discard(this.length);
  }

  #gather(bytes: Uint8Array, length: number): void {
    const last = this.#chunks.length - 1;
    const used = this.#lengths[last] ?? 0;
    const open = this.#gathering ? this.#chunks[last] : undefined;
    if (open !== undefined && used + length <= open.length) {
      copyInto(bytes, 0, length, open, used);
      this.#lengths[last] = used + length;
      return;
    }
    const own = this.#chunkFor(length);
    copyInto(bytes, 0, length, own, 0);
    this.#push(own, length, true);
  }

  /** A lone short write (a request, a key press) takes little; a run of them soon shares large arrays. */
  #chunkFor(length: number): Uint8Array {
    if (this.length > 0)
      return new Uint8Array(Math.max(length, Math.min(GATHER_BYTES, Math.max(512, this.length * 2))));
    const kept = this.#kept;
    if (kept !== undefined && kept.length >= length) return kept;
    return new Uint8Array(length);
  }

  #push(chunk: Uint8Array, length: number, gathering: boolean): void {
    this.#chunks.push(chunk);
    this.#lengths.push(length);
    this.#leases.push(undefined);
    this.#gathering = gathering;
  }

  #seek(position: number): void {
    if (position < this.#cursorStart) {
      this.#cursorIndex = this.#head;
      this.#cursorStart = this.#headStart;
    }
    let length = this.#lengths[this.#cursorIndex] ?? 0;
    while (length > 0 && position >= this.#cursorStart + length) {
      this.#cursorStart += length;
      this.#cursorIndex++;
      length = this.#lengths[this.#cursorIndex] ?? 0;
    }
  }

  #release(index: number): void {
    const lease = this.#leases[index];
    if (lease === undefined) return;
    this.#leases[index] = undefined;
    lease.release();
  }

  #reset(): void {
    for (let index = this.#head; index < this.#chunks.length; index++) this.#release(index);
    // Setting `length` costs more than taking one out; one is what a request or an answer is.
    if (this.#chunks.length === 1) {
      const chunk = this.#chunks.pop();
      if (this.#gathering && chunk !== undefined && chunk.length <= KEPT_LEN) this.#kept = chunk;
      this.#lengths.pop();
      this.#leases.pop();
    } else if (this.#chunks.length > 0) {
      this.#chunks = [];
      this.#lengths = [];
      this.#leases = [];
    }
    this.#head = 0;
    this.#headStart = this.#base;
    this.#cursorIndex = 0;
    this.#cursorStart = this.#base;
    this.#gathering = false;
  }

  #compact(): void {
    this.#chunks = this.#chunks.slice(this.#head);
    this.#lengths = this.#lengths.slice(this.#head);
    this.#leases = this.#leases.slice(this.#head);
    this.#cursorIndex -= this.#head;
    this.#head = 0;
  }
}

const NOTHING = new Uint8Array(0);
