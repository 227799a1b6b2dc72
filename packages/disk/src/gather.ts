import type { BlockSink } from './block.ts';

export interface GatherOptions {
  /** Whoever writes to the tail of one of these units has it alone: what is left of it is written as zeros. @default 1 */
  readonly unitBytes?: number;
  /** Where a unit begins. @default 0 */
  readonly firstUnit?: number;
}

/** Enough for a system call to cost nothing beside the copying. */
const BUFFER_BYTES = 1 << 20;
/** From here on bytes are handed on rather than copied. */
const LARGE_BYTES = BUFFER_BYTES / 4;

/**
 * Runs a writer over a sink that gathers neighbouring small writes to large ones, and makes one while the next is
 * prepared. Once the promise is settled nothing more is written.
 */
export async function gatherWrites<Result>(
  sink: BlockSink,
  options: GatherOptions,
  write: (gathering: GatheringSink) => Promise<Result>,
): Promise<Result> {
  const gathering = new GatheringSink(sink, options);
  try {
    const result = await write(gathering);
    await gathering.flush();
    return result;
  } finally {
    await gathering.settle();
  }
}

interface QueuedWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** What is free for others once the write is done. */
  readonly buffer: Uint8Array | undefined;
}

/**
 * Takes writes without a promise each ({@link put}), for a writer that calls {@link step} once in a while, or one by
 * one ({@link write}).
 *
 * Invariant: writes reach the sink in the order in which they were given, one at a time.
 */
export class GatheringSink implements BlockSink {
  readonly #sink: BlockSink;
  readonly #unitBytes: number;
  readonly #firstUnit: number;
  /** Taken when it is needed. Holds runs that are in the queue, and behind them, from `#from`, what is gathered now. */
  #buffer: Uint8Array | undefined;
  #from = 0;
  #filled = 0;
  /** Where in the sink what is gathered now goes. */
  #start = 0;
  /** Runs not yet handed on. */
  #queue: QueuedWrite[] = [];
  #queuedBytes = 0;
  readonly #free: Uint8Array[] = [];
  #inFlight: Promise<void> = Promise.resolve();

  constructor(sink: BlockSink, { unitBytes = 1, firstUnit = 0 }: GatherOptions) {
    this.#sink = sink;
    this.#unitBytes = unitBytes;
    this.#firstUnit = firstUnit % unitBytes;
  }

  /** The bytes must stay as they are until the second {@link step} after this. */
  put(offset: number, bytes: Uint8Array): void {
    const { length } = bytes;
    if (length >= LARGE_BYTES) {
      this.#endRun();
      this.#queue.push({ offset, bytes, buffer: undefined });
      this.#queuedBytes += length;
      return;
    }
    const end = this.#start + this.#filled - this.#from;
    const gap = offset - end;
    if (this.#filled > this.#from && (gap === 0 || offset === this.#endOfUnit(end))) {
      if (this.#filled + gap + length <= BUFFER_BYTES) {
        if (gap > 0) this.#buffer?.fill(0, this.#filled, this.#filled + gap);
        this.#filled += gap;
      } else this.#endBuffer(offset);
    } else {
      this.#endRun();
      if (this.#filled + length > BUFFER_BYTES) this.#endBuffer(offset);
      this.#start = offset;
    }
    this.#buffer ??= this.#free.pop() ?? new Uint8Array(BUFFER_BYTES);
    this.#buffer.set(bytes, this.#filled);
    this.#filled += length;
  }

  /** Whether so much is waiting that {@link step} is due. */
  get full(): boolean {
    return this.#queuedBytes >= BUFFER_BYTES / 2;
  }

  /** Fulfilled when all that an earlier step handed on is written, and what has been put since is under way. */
  async step(): Promise<void> {
    await this.#inFlight;
    if (this.#queue.length === 0) return;
    const queue = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#inFlight = this.#writeAll(queue);
    // Its failure is seen by whoever waits for it next.
    this.#inFlight.catch(() => {});
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.put(offset, bytes);
    if (bytes.length >= LARGE_BYTES) {
      await this.step();
      await this.#inFlight;
    } else if (this.full) await this.step();
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.flush();
    await this.#sink.truncate(sizeBytes);
  }

  async flush(): Promise<void> {
    this.#endBuffer(0);
    await this.step();
    await this.#inFlight;
  }

  /** Waits for what is under way, whatever becomes of it. */
  async settle(): Promise<void> {
    await this.#inFlight.catch(() => {});
  }

  #endOfUnit(offset: number): number {
    const into = (offset - this.#firstUnit) % this.#unitBytes;
    return into === 0 ? offset : offset + this.#unitBytes - into;
  }

  /** Puts what is gathered into the queue; the buffer has room left for more. */
  #endRun(buffer?: Uint8Array): void {
    const length = this.#filled - this.#from;
    if (length === 0 && buffer === undefined) return;
    const bytes = this.#buffer?.subarray(this.#from, this.#filled) ?? new Uint8Array(0);
    this.#queue.push({ offset: this.#start, bytes, buffer });
    this.#queuedBytes += length;
    this.#from = this.#filled;
  }

  /** Puts the buffer into the queue. @param start where what comes next goes */
  #endBuffer(start: number): void {
    this.#endRun(this.#buffer);
    this.#buffer = undefined;
    this.#from = this.#filled = 0;
    this.#start = start;
  }

  async #writeAll(queue: readonly QueuedWrite[]): Promise<void> {
    for (const { offset, bytes, buffer } of queue) {
      if (bytes.length > 0) await this.#sink.write(offset, bytes);
      if (buffer !== undefined) this.#free.push(buffer);
    }
  }
}
