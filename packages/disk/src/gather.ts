import type { BlockSink } from './block.ts';

export interface GatherOptions {
  /** Whoever writes to the tail of one of these units has it alone: what is left of it is written as zeros. @default 1 */
  readonly unitBytes?: number;
}

/** Enough for a system call to cost nothing beside the copying. */
const BUFFER_BYTES = 1 << 20;
/** From here on bytes are handed on rather than copied. */
const LARGE_BYTES = BUFFER_BYTES / 4;

/**
 * Runs a writer over a sink that gathers neighbouring small writes to large ones, and makes one while the next is
 * prepared. The writer must leave the bytes of a write as they are until it is done as a whole. Once the promise is
 * settled nothing more is written.
 */
export async function gatherWrites<Result>(
  sink: BlockSink,
  options: GatherOptions,
  write: (gathering: BlockSink) => Promise<Result>,
): Promise<Result> {
  const gathering = new GatheringSink(sink, options.unitBytes ?? 1);
  try {
    const result = await write(gathering);
    await gathering.flush();
    return result;
  } finally {
    await gathering.settle();
  }
}

/** Invariant: writes reach the sink in the order in which they were given, one at a time. */
class GatheringSink implements BlockSink {
  readonly #sink: BlockSink;
  readonly #unitBytes: number;
  #buffer = new Uint8Array(BUFFER_BYTES);
  #spare = new Uint8Array(BUFFER_BYTES);
  #start = 0;
  #filled = 0;
  #inFlight: Promise<void> = Promise.resolve();

  constructor(sink: BlockSink, unitBytes: number) {
    this.#sink = sink;
    this.#unitBytes = unitBytes;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    if (bytes.length >= LARGE_BYTES) {
      await this.#send();
      await this.#begin(offset, bytes);
      return;
    }
    const end = this.#start + this.#filled;
    const gap = offset - end;
    const joins = gap === 0 || (gap > 0 && offset === Math.ceil(end / this.#unitBytes) * this.#unitBytes);
    if (this.#filled > 0 && joins && this.#filled + gap + bytes.length <= BUFFER_BYTES) {
      this.#buffer.fill(0, this.#filled, this.#filled + gap);
      this.#filled += gap;
    } else {
      await this.#send();
      this.#start = offset;
    }
    this.#buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.flush();
    await this.#sink.truncate(sizeBytes);
  }

  async flush(): Promise<void> {
    await this.#send();
    await this.#inFlight;
  }

  /** Waits for what is under way, whatever becomes of it. */
  async settle(): Promise<void> {
    await this.#inFlight.catch(() => {});
  }

  async #send(): Promise<void> {
    if (this.#filled === 0) return;
    const bytes = this.#buffer.subarray(0, this.#filled);
    this.#filled = 0;
    await this.#begin(this.#start, bytes);
    [this.#buffer, this.#spare] = [this.#spare, this.#buffer];
  }

  /** Fulfilled when the write before is done and this one under way. */
  async #begin(offset: number, bytes: Uint8Array): Promise<void> {
    await this.#inFlight;
    this.#inFlight = this.#sink.write(offset, bytes);
    // Its failure is seen by whoever waits for it next.
    this.#inFlight.catch(() => {});
  }
}
