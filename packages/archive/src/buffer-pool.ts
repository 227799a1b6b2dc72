/** Who uses a buffer of a pool, counted. */
interface Loan {
  readonly pool: BufferPool;
  readonly buffer: Uint8Array;
  users: number;
}

const loans = new WeakMap<ArrayBufferLike, Loan>();

/**
 * Buffers of one size that are used over and over, for streams of gigabytes: fresh ones for every chunk cost a quarter
 * of the time in the collector, and memory that malloc keeps. Whoever reads a stream to its end and is done with a
 * chunk may give it back by {@link recycle}; a chunk that nobody gives back is the collector's, as any other.
 */
export class BufferPool {
  readonly bufferBytes: number;
  readonly #mostFree: number;
  readonly #free: Loan[] = [];

  /** @param mostFree how many buffers are kept that nobody uses */
  constructor(bufferBytes: number, mostFree: number) {
    this.bufferBytes = bufferBytes;
    this.#mostFree = mostFree;
  }

  /** A buffer with one user; what is in it is left from the one before. */
  take(): Uint8Array {
    const loan = this.#free.pop() ?? this.#newLoan();
    loan.users = 1;
    return loan.buffer;
  }

  #newLoan(): Loan {
    const buffer = new Uint8Array(this.bufferBytes);
    const loan = { pool: this, buffer, users: 0 };
    loans.set(buffer.buffer, loan);
    return loan;
  }

  /** What {@link recycle} does with a buffer after its last user. */
  keep(loan: Loan): void {
    if (this.#free.length < this.#mostFree) this.#free.push(loan);
  }
}

/** Counts another user of the buffer in which a chunk lies, who recycles it too. */
export function share(chunk: Uint8Array): void {
  const loan = loans.get(chunk.buffer);
  if (loan !== undefined) loan.users++;
}

/** Gives a chunk back that is not read any more; one of no pool stays as it is. */
export function recycle(chunk: Uint8Array): void {
  const loan = loans.get(chunk.buffer);
  if (loan === undefined) return;
  if (loan.users === 0) throw new Error('bug: a chunk was given back twice');
  if (--loan.users === 0) loan.pool.keep(loan);
}
