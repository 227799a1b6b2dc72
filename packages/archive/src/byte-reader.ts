import { archiveError } from './errors.ts';

/** Exact reads over a stream of chunks. What is wholly inside a chunk is returned as a view of it, not copied. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  #consumed = 0;
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Bytes taken so far: the offset in the archive. */
  get consumed(): number {
    return this.#consumed;
  }

  /** Exactly `length` bytes if they are at hand already; the way around a promise for small headers. */
  takeBuffered(length: number): Uint8Array | undefined {
    if (this.#chunk.length - this.#at < length) return undefined;
    const bytes = this.#chunk.subarray(this.#at, this.#at + length);
    this.#at += length;
    this.#consumed += length;
    return bytes;
  }

  /** Exactly `length` bytes, or `undefined` when the stream ended before the first of them. */
  async take(length: number): Promise<Uint8Array | undefined> {
    const buffered = this.takeBuffered(length);
    if (buffered !== undefined) return buffered;
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const some = await this.takeSome(length - filled);
      if (some === undefined) {
        if (filled === 0) return undefined;
        throw truncated(this.#consumed);
      }
      bytes.set(some, filled);
      filled += some.length;
    }
    return bytes;
  }

  /** Exactly `length` bytes. @throws OrlopError archive.truncated */
  async takeAll(length: number): Promise<Uint8Array> {
    const bytes = this.takeBuffered(length) ?? (await this.take(length));
    if (bytes === undefined) throw truncated(this.#consumed);
    return bytes;
  }

  /** Between 1 and `most` bytes, as they come; `undefined` at the end of the stream. */
  async takeSome(most: number): Promise<Uint8Array | undefined> {
    if (this.#at === this.#chunk.length && !(await this.#fill())) return undefined;
    return this.takeBuffered(Math.min(most, this.#chunk.length - this.#at));
  }

  /** @throws OrlopError archive.truncated */
  async skip(length: number): Promise<void> {
    let left = length;
    while (left > 0) {
      const some = await this.takeSome(left);
      if (some === undefined) throw truncated(this.#consumed);
      left -= some.length;
    }
  }

  /** Reads what is left and drops it, so that a digest over the source is complete. */
  async drain(): Promise<void> {
    while ((await this.takeSome(Number.MAX_SAFE_INTEGER)) !== undefined);
  }

  /** Tells the source that nobody reads on. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#source.return?.();
  }

  async #fill(): Promise<boolean> {
    while (!this.#ended) {
      const next = await this.#source.next();
      if (next.done) {
        this.#ended = true;
      } else if (next.value.length > 0) {
        this.#chunk = next.value;
        this.#at = 0;
        return true;
      }
    }
    return false;
  }
}

function truncated(offset: number): Error {
  return archiveError('archive.truncated', `the archive ends unexpectedly at byte ${offset}`);
}
