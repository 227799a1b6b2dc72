import type { ByteStream } from '@orlop/netstack';

/** Reads a stream's beginning piece by piece; what was read too much comes first afterwards. */
export class StreamReader {
  readonly stream: ByteStream;
  #held = new Uint8Array();
  #reading: Promise<boolean> | undefined;

  constructor(stream: ByteStream) {
    this.stream = stream;
  }

  /** What is there and not taken. */
  get held(): Uint8Array {
    return this.#held;
  }

  /** Waits for more bytes; false at the end of the stream. Who asks twice waits for the same bytes. */
  more(): Promise<boolean> {
    this.#reading ??= this.#readMore();
    return this.#reading;
  }

  /** What is held, or else the next bytes; undefined at the end. They are the caller's. */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#held.length === 0 && !(await this.more())) return undefined;
    return this.take(this.#held.length);
  }

  take(length: number): Uint8Array {
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return taken;
  }

  async #readMore(): Promise<boolean> {
    const bytes = await this.stream.read();
    this.#reading = undefined;
    if (bytes === undefined) return false;
    const joined = new Uint8Array(this.#held.length + bytes.length);
    joined.set(this.#held);
    joined.set(bytes, this.#held.length);
    this.#held = joined;
    return true;
  }

  /** Exactly so many bytes; undefined when the stream ends before. */
  async exactly(length: number): Promise<Uint8Array | undefined> {
    while (this.#held.length < length) if (!(await this.more())) return undefined;
    return this.take(length);
  }

  /** A head with its empty line; undefined when there is none within `maxLength`. */
  async head(maxLength: number): Promise<Uint8Array | undefined> {
    for (;;) {
      const end = endOfHead(this.#held);
      if (end !== undefined) return this.take(end);
      if (this.#held.length >= maxLength || !(await this.more())) return undefined;
    }
  }
}

/** Where the empty line of an HTTP head ends. */
export function endOfHead(bytes: Uint8Array): number | undefined {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf('\r\n\r\n');
  return at < 0 ? undefined : at + 4;
}

/** Joins two streams, byte for byte and end for end, until both directions are over. */
export async function splice(one: StreamReader, other: StreamReader): Promise<void> {
  await Promise.all([pour(one, other.stream), pour(other, one.stream)]);
}

async function pour(from: StreamReader, into: ByteStream): Promise<void> {
  try {
    for (let bytes = await from.next(); bytes !== undefined; bytes = await from.next()) {
      await into.write(bytes);
    }
    into.end();
  } catch {
    into.abort();
    from.stream.abort();
  }
}
