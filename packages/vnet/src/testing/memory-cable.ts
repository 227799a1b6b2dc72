import { FRAME_MAX_LEN, type Link, type LinkCounters, type LinkHandler } from '../link/link.ts';
import type { Scheduler } from '../scheduler.ts';

export interface MemoryCableOptions {
  readonly scheduler: Scheduler;
  /** @default 1500 */
  readonly mtu?: number;
  /** Frames that wait for the other end beyond which `reserve` says no. @default 1000 */
  readonly maxQueued?: number;
}

/** One end of a cable in memory. A `paused` end takes nothing from the other. */
export class MemoryLinkEnd implements Link {
  readonly kind = 'memory';
  readonly peer = 'memory';
  readonly mtu: number;
  readonly checksumOffload = false;
  readonly counters: LinkCounters = { framesIn: 0, bytesIn: 0, framesOut: 0, bytesOut: 0 };
  readonly buffer = new Uint8Array(FRAME_MAX_LEN);
  readonly offset = 0;
  readonly #scheduler: Scheduler;
  readonly #maxQueued: number;
  #queue: Uint8Array[] = [];
  #handler: LinkHandler | undefined;
  #other: MemoryLinkEnd | undefined;
  #paused = false;
  #scheduled = false;
  #starved = false;

  constructor(options: MemoryCableOptions) {
    this.mtu = options.mtu ?? 1500;
    this.#scheduler = options.scheduler;
    this.#maxQueued = options.maxQueued ?? 1000;
  }

  join(other: MemoryLinkEnd): void {
    this.#other = other;
  }

  open(handler: LinkHandler): void {
    this.#handler = handler;
    this.#schedule();
  }

  reserve(maxLength: number): boolean {
    const full = (this.#other?.queued ?? 0) >= this.#maxQueued;
    if (full) this.#starved = true;
    return !full && maxLength <= this.buffer.length;
  }

  commit(length: number): void {
    this.counters.framesOut++;
    this.counters.bytesOut += length;
    this.#other?.arrive(this.buffer.slice(0, length));
  }

  flush(): void {
    this.#other?.wake();
  }

  close(): void {
    const other = this.#other;
    this.#handler = undefined;
    this.#other = undefined;
    if (other !== undefined) this.#scheduler.soon(() => other.farEndClosed());
  }

  /** Whether frames wait here instead of being given to the handler. */
  pause(paused: boolean): void {
    this.#paused = paused;
    this.#schedule();
  }

  /** Puts a frame on the cable as it is. */
  sendFrame(frame: Uint8Array): void {
    this.buffer.set(frame);
    this.commit(frame.length);
    this.flush();
  }

  get queued(): number {
    return this.#queue.length;
  }

  arrive(frame: Uint8Array): void {
    this.#queue.push(frame);
  }

  wake(): void {
    this.#schedule();
  }

  farEndClosed(): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.onClosed('the other side closed');
  }

  drained(): void {
    if (!this.#starved) return;
    this.#starved = false;
    this.#handler?.onDrained();
  }

  #schedule(): void {
    if (this.#scheduled || this.#paused || this.#handler === undefined || this.#queue.length === 0) return;
    this.#scheduled = true;
    this.#scheduler.soon(() => this.#give());
  }

  #give(): void {
    this.#scheduled = false;
    if (this.#paused || this.#handler === undefined) return;
    const frames = this.#queue;
    this.#queue = [];
    for (const frame of frames) {
      this.counters.framesIn++;
      this.counters.bytesIn += frame.length;
      this.#handler?.onFrame(frame, 0, frame.length);
    }
    this.#handler?.onBatchEnd();
    this.#other?.drained();
  }
}

/** Two ends joined. */
export function memoryCable(options: MemoryCableOptions): readonly [MemoryLinkEnd, MemoryLinkEnd] {
  const one = new MemoryLinkEnd(options);
  const other = new MemoryLinkEnd(options);
  one.join(other);
  other.join(one);
  return [one, other];
}
