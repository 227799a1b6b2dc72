/** Large enough that bulk transfers ask for a new one seldom, small enough to stay in the cache. */
const SLAB_LEN = 256 * 1024;
/** Less than this left: the next read gets a new slab rather than a short piece. */
const MIN_SPACE_LEN = 32 * 1024;
/** What one read may bring. */
const MAX_READ_LEN = 128 * 1024;
/** The stack copies shorter writes, so that their place can be used again. */
const COPIED_BELOW = 2048;

/**
 * Memory for what is read from the host and written to the stack, which keeps the arrays until the guest has
 * acknowledged them. Pieces are cut from slabs that are never used twice; the garbage collector takes a slab when
 * its last piece is acknowledged.
 */
export class ReadSlab {
  #slab = Buffer.allocUnsafeSlow(SLAB_LEN);
  #used = 0;

  /** Room for at most `wanted` bytes; valid until `take` or the next `space`. */
  space(wanted: number): Uint8Array {
    const length = Math.min(wanted, MAX_READ_LEN);
    if (this.#slab.length - this.#used < Math.min(length, MIN_SPACE_LEN)) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_LEN);
      this.#used = 0;
    }
    return this.#slab.subarray(this.#used, Math.min(this.#used + length, this.#slab.length));
  }

  /** The first `length` bytes of the last space are in use. */
  take(length: number): void {
    // Kept 16-byte aligned: checksums read words.
    if (length >= COPIED_BELOW) this.#used = Math.min((this.#used + length + 15) & ~15, this.#slab.length);
  }
}
