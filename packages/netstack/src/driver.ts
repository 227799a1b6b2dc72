import type { FrameSink, PacketMachine } from './face.ts';

/** What a link tells its driver. */
export interface FrameLinkHandler {
  /** A frame at `buffer[offset .. offset + length)`, valid during the call. */
  onFrame(buffer: Uint8Array, offset: number, length: number): void;
  /** Every frame at hand has been given: the time to answer. */
  onBatchEnd(): void;
  /** After `reserve` answered false: there is room again. */
  onDrained(): void;
  /** The other side is gone. Last call. */
  onClosed(reason: string): void;
}

/** A cable: whole frames both ways, written in place, leaving at `flush`. The links of `vnet` are such. */
export interface FrameLink extends FrameSink {
  open(handler: FrameLinkHandler): void;
  flush(): void;
  close(): void;
}

/** Time and turns of an event loop. */
export interface TurnScheduler {
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls once after `delayMs`; the answer takes it back. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls once, after the events that are at hand now. */
  soon(callback: () => void): void;
}

export interface StackDriverParts {
  readonly machine: PacketMachine;
  readonly link: FrameLink;
  readonly scheduler: TurnScheduler;
  /** The link closed by itself. @default nothing */
  readonly onClosed?: (reason: string) => void;
}

/** When the link is full and never says that it drained, it is tried again after this. */
const RETRY_MS = 20;

/** Runs a stack on a link: feeds frames, polls once a batch, and owns the one timer. */
export class StackDriver {
  readonly #parts: StackDriverParts;
  #timerAt = Number.POSITIVE_INFINITY;
  #cancelTimer: () => void = () => {};
  #turnAsked = false;
  #closed = false;

  constructor(parts: StackDriverParts) {
    this.#parts = parts;
  }

  start(): void {
    const { machine, link, scheduler } = this.#parts;
    machine.onWake = () => this.#askForTurn();
    link.open({
      onFrame: (buffer, offset, length) => machine.receive(buffer, scheduler.now(), offset, length),
      onBatchEnd: () => this.#turn(),
      onDrained: () => this.#turn(),
      onClosed: (reason) => {
        this.#stop();
        this.#parts.onClosed?.(reason);
      },
    });
    this.#turn();
  }

  close(): void {
    if (this.#closed) return;
    this.#turn(); // what a program sent last, resets and ends of streams
    this.#stop();
    this.#parts.link.close();
  }

  #stop(): void {
    this.#closed = true;
    this.#parts.machine.onWake = undefined;
    this.#cancelTimer();
  }

  #askForTurn(): void {
    if (this.#turnAsked || this.#closed) return;
    this.#turnAsked = true;
    this.#parts.scheduler.soon(() => {
      this.#turnAsked = false;
      this.#turn();
    });
  }

  #turn(): void {
    if (this.#closed) return;
    const { machine, link, scheduler } = this.#parts;
    const now = scheduler.now();
    machine.poll(now, link);
    link.flush();
    this.#arm(now);
  }

  #arm(now: number): void {
    const { machine, scheduler } = this.#parts;
    const due = machine.pollAt();
    const at = due <= now ? now + RETRY_MS : due;
    if (at >= this.#timerAt) return;
    this.#cancelTimer();
    this.#timerAt = at;
    this.#cancelTimer = scheduler.after(at - now, () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#turn();
    });
  }
}
