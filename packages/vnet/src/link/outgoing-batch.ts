import type { FrameSink } from '@orlop/netstack';
import type { Framing } from './framing.ts';

/** A link costs little until it is used, and one of bulk traffic writes this much by one system call. */
const INITIAL_LEN = 64 * 1024;

/**
 * Frames on their way out of a stream link: written in place one behind the other, each behind its length.
 *
 * Invariant: `0 <= #head <= #tail <= buffer.length`; the bytes between head and tail are whole frames, but for
 * the first, of which a part may have left.
 */
export class OutgoingBatch implements FrameSink {
  buffer: Uint8Array = new Uint8Array(INITIAL_LEN);
  readonly #framing: Framing;
  readonly #maxLen: number;
  #head = 0;
  #tail = 0;

  /** Never holds more than `maxLen` bytes. */
  constructor(framing: Framing, maxLen: number) {
    this.#framing = framing;
    this.#maxLen = maxLen;
  }

  get offset(): number {
    return this.#tail + this.#framing.prefixLen;
  }

  get length(): number {
    return this.#tail - this.#head;
  }

  reserve(maxLength: number): boolean {
    const needed = maxLength + this.#framing.prefixLen;
    if (this.#tail + needed <= this.buffer.length) return true;
    this.#compact();
    if (this.#tail + needed <= this.buffer.length) return true;
    if (this.#tail + needed > this.#maxLen) return false;
    this.#grow(this.#tail + needed);
    return true;
  }

  commit(length: number): void {
    this.#framing.writeLength(this.buffer, this.#tail, length);
    this.#tail += this.#framing.prefixLen + length;
  }

  /** What is to be written next; a view. */
  pending(): Uint8Array {
    return this.buffer.subarray(this.#head, this.#tail);
  }

  /** That many bytes of `pending` have left. */
  consume(length: number): void {
    this.#head += length;
    if (this.#head === this.#tail) {
      this.#head = 0;
      this.#tail = 0;
    }
  }

  #compact(): void {
    if (this.#head === 0) return;
    this.buffer.copyWithin(0, this.#head, this.#tail);
    this.#tail -= this.#head;
    this.#head = 0;
  }

  #grow(needed: number): void {
    let length = this.buffer.length;
    while (length < needed) length *= 2;
    const larger = new Uint8Array(Math.min(length, this.#maxLen));
    larger.set(this.pending());
    this.#tail -= this.#head;
    this.#head = 0;
    this.buffer = larger;
  }
}
