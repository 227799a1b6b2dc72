const PACKED_BYTES = 128 * 1024;
/** A piece from this size on is handed on as it is: copying it would cost more than the extra chunk. */
const PASS_THROUGH_BYTES = 32 * 1024;

/**
 * Joins the many small pieces of an archive (headers, padding, small files) into large chunks. Pieces are
 * copied at once, except large ones, which must not change afterwards.
 */
export class ChunkPacker {
  readonly #ready: Uint8Array[] = [];
  #buffer = new Uint8Array(PACKED_BYTES);
  #used = 0;

  add(piece: Uint8Array): void {
    if (piece.length >= PASS_THROUGH_BYTES) {
      this.flush();
      this.#ready.push(piece);
      return;
    }
    if (this.#used + piece.length > PACKED_BYTES) this.flush();
    this.#buffer.set(piece, this.#used);
    this.#used += piece.length;
  }

  addZeros(count: number): void {
    if (this.#used + count > PACKED_BYTES) this.flush();
    this.#used += count;
  }

  /** Makes all that was added available to {@link shift}. */
  flush(): void {
    if (this.#used === 0) return;
    this.#ready.push(this.#buffer.subarray(0, this.#used));
    this.#buffer = new Uint8Array(PACKED_BYTES);
    this.#used = 0;
  }

  /** The next full chunk, if any. */
  shift(): Uint8Array | undefined {
    return this.#ready.shift();
  }
}
