/**
 * Buffers of one size that are used over and over, for streams of gigabytes: fresh ones for every chunk cost a quarter
 * of the time in the collector, and memory that malloc keeps. Whoever reads a stream to its end and is done with a
 * chunk may give it back by {@link recycle}; a chunk that nobody gives back is the collector's, as any other.
 */
export class BufferPool {
  readonly #bufferBytes: number;
  readonly #mostFree: number;
  readonly #free: PooledBuffer[] = [];

  /** @param mostFree how many buffers are kept that nobody uses */
  constructor(bufferBytes: number, mostFree: number) {
    this.#bufferBytes = bufferBytes;
    this.#mostFree = mostFree;
  }

  /** A buffer with one user; what is in it is left from the one before. */
  take(): Uint8Array {
    const buffer = this.#free.pop() ?? new PooledBuffer(this.#bufferBytes, (unused) => this.#keep(unused));
    buffer.share();
    return new Uint8Array(buffer);
  }

  #keep(unused: PooledBuffer): void {
    if (this.#free.length < this.#mostFree) this.#free.push(unused);
  }
}

/** What chunks are views of; it counts its users. */
class PooledBuffer extends ArrayBuffer {
  readonly #onUnused: (buffer: PooledBuffer) => void;
  #users = 0;

  constructor(bytes: number, onUnused: (buffer: PooledBuffer) => void) {
    super(bytes);
    this.#onUnused = onUnused;
  }

  share(): void {
    this.#users++;
  }

  recycle(): void {
    if (this.#users === 0) throw new Error('bug: a chunk was given back twice');
    if (--this.#users === 0) this.#onUnused(this);
  }
}

/** Counts another user of the buffer in which a chunk lies, who recycles it too. */
export function share({ buffer }: Uint8Array): void {
  if (buffer instanceof PooledBuffer) buffer.share();
}

/** Gives a chunk back that is not read any more; one of no pool stays as it is. */
export function recycle({ buffer }: Uint8Array): void {
  if (buffer instanceof PooledBuffer) buffer.recycle();
}
