import { isZero } from '../bytes.ts';
import type { GatheringSink } from '../gather.ts';
import type { BlockAllocator } from './allocator.ts';
import { BLOCK_BYTES } from './constants.ts';
import { appendExtent, type FileExtent } from './extents.ts';

/** The blocks of one file as its content comes: those of zeros become holes. */
export class FileBlocks {
  readonly extents: FileExtent[] = [];
  /** Blocks that are not holes. */
  used = 0;
  readonly #sink: GatheringSink;
  readonly #allocator: BlockAllocator;

  constructor(sink: GatheringSink, allocator: BlockAllocator) {
    this.#sink = sink;
    this.#allocator = allocator;
  }

  /** @param block the first of the piece, in the file */
  add(block: number, piece: Uint8Array): void {
    const { length } = piece;
    for (let from = 0; from < length; ) {
      const start = from;
      while (from < length && !isZero(piece, from, Math.min(from + BLOCK_BYTES, length))) from += BLOCK_BYTES;
      if (from > start) this.#addBlocks(block + start / BLOCK_BYTES, piece.subarray(start, from));
      else from += BLOCK_BYTES;
    }
  }

  #addBlocks(block: number, bytes: Uint8Array): void {
    let done = 0;
    for (const { start, count } of this.#allocator.allocate(Math.ceil(bytes.length / BLOCK_BYTES))) {
      this.#sink.put(
        start * BLOCK_BYTES,
        done === 0 && count * BLOCK_BYTES >= bytes.length
          ? bytes
          : bytes.subarray(done * BLOCK_BYTES, (done + count) * BLOCK_BYTES),
      );
      appendExtent(this.extents, { logical: block + done, start, count });
      done += count;
    }
    this.used += done;
  }
}
