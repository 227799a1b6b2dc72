import { recycle } from '@orlop/archive';

/** A file at its end, such as a `FileHandle`: what is written follows what was, and may be less than was given. */
export interface AppendedFile {
  write(piece: Uint8Array, at: number): Promise<{ readonly bytesWritten: number }>;
  writev(pieces: Uint8Array[]): Promise<{ readonly bytesWritten: number }>;
}

/** Enough for a system call to cost nothing beside the copying. */
const BATCH_BYTES = 1 << 20;
/** IOV_MAX of Linux is 1024. */
const MAX_PIECES = 512;

/**
 * Appends pieces to a file, many by one call, and while that call runs takes the next ones. Pieces must not change
 * after they were given; those that were written are recycled. Owns no handle.
 *
 * Invariant: at most one write is under way, and at most two batches are in memory.
 */
export class WriteBehind {
  readonly #file: AppendedFile;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #inFlight: Promise<void> = Promise.resolve();

  constructor(file: AppendedFile) {
    this.#file = file;
  }

  /** Fulfilled when there is room for more. @throws what an earlier write failed with */
  async add(piece: Uint8Array): Promise<void> {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes >= BATCH_BYTES || this.#pieces.length === MAX_PIECES) await this.#handOn();
  }

  /** Fulfilled when all is written. */
  async end(): Promise<void> {
    await this.#handOn();
    await this.#inFlight;
  }

  async #handOn(): Promise<void> {
    await this.#inFlight;
    const pieces = this.#pieces;
    const total = this.#bytes;
    this.#pieces = [];
    this.#bytes = 0;
    this.#inFlight = writePieces(this.#file, pieces, total);
    // Its failure is seen by whoever waits for it next.
    this.#inFlight.catch(() => {});
  }
}

async function writePieces(file: AppendedFile, pieces: Uint8Array[], total: number): Promise<void> {
  if (total === 0) return;
  let { bytesWritten: done } = await file.writev(pieces);
  for (const piece of pieces) {
    let at = Math.min(done, piece.length);
    done -= at;
    // A full disk shows as a short write first, and as an error to whoever goes on.
    while (at < piece.length) at += (await file.write(piece, at)).bytesWritten;
    recycle(piece);
  }
}
