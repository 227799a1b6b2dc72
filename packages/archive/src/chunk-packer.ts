import { BufferPool, recycle } from './buffer-pool.ts';

const PACKED_BYTES = 128 * 1024;
/** A piece from this size on is handed on as it is: copying it would cost more than the extra chunk. */
const PASS_THROUGH_BYTES = 32 * 1024;

/** As many as a writer to a file has in hand. */
const MAX_FREE_BUFFERS = 16;

/**
 * Joins the many small pieces of an archive (headers, padding, small files) into large chunks. Pieces are
 * copied and recycled at once, except large ones, which are handed on.
 */
export class ChunkPacker {
  readonly #pool = new BufferPool(PACKED_BYTES, MAX_FREE_BUFFERS);
  readonly #ready: Uint8Array[] = [];
  #buffer = this.#pool.take();
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
    recycle(piece);
  }

  addZeros(count: number): void {
    if (this.#used + count > PACKED_BYTES) this.flush();
    this.#buffer.fill(0, this.#used, this.#used + count);
    this.#used += count;
  }

  /** Makes all that was added available to {@link shift}. */
  flush(): void {
    if (this.#used === 0) return;
    this.#ready.push(this.#buffer.subarray(0, this.#used));
    this.#buffer = this.#pool.take();
    this.#used = 0;
  }

  /** The next full chunk, if any. */
  shift(): Uint8Array | undefined {
    return this.#ready.shift();
  }
}
