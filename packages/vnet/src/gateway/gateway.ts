import type { FrameSink, Stack } from '@orlop/netstack';
import type { Scheduler } from '../scheduler.ts';
import type { Port } from '../switch/port.ts';
import type { Station, Switch } from '../switch/switch.ts';
import type { SourceFilter } from './source-filter.ts';

/** A service of the gateway that speaks in frames of its own, beside the stack (router advertisements). */
export interface FrameService {
  /** Sees a frame before the stack; true when it was for this service alone. */
  receive(frame: Uint8Array, offset: number, length: number): boolean;
  /** Writes what is due. */
  poll(now: number, sink: FrameSink): void;
  /** When `poll` is next needed. */
  pollAt(): number;
}

/** Work that waits for the end of a batch of frames, so that it is done once for all of them. */
export interface BatchWork {
  run(): void;
}

export interface GatewayOptions {
  readonly mac: Uint8Array;
  readonly stack: Stack;
  readonly filter: SourceFilter;
  readonly scheduler: Scheduler;
  readonly frameServices: readonly FrameService[];
}

/** A refused `reserve` is tried again after this long, should the link never say that it has room. */
const RETRY_MS = 20;

/**
 * The station of the segment that guests believe to be a router: it feeds the stack with the frames of a batch,
 * then polls once, and keeps the one timer that the stack needs.
 */
export class Gateway implements Station {
  readonly mac: Uint8Array;
  /** Runs after each batch and before the stack writes. */
  readonly batchWork: BatchWork[] = [];
  readonly #stack: Stack;
  readonly #filter: SourceFilter;
  readonly #scheduler: Scheduler;
  readonly #frameServices: readonly FrameService[];
  #switch: Switch | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #cancelTimer: () => void = () => {};
  #turnAsked = false;
  #closed = false;
  #from: Port | undefined;

  constructor(options: GatewayOptions) {
    this.mac = options.mac;
    this.#stack = options.stack;
    this.#filter = options.filter;
    this.#scheduler = options.scheduler;
    this.#frameServices = options.frameServices;
    this.#stack.onWake = () => this.askForTurn();
  }

  /** The gateway is built before the switch that carries it. */
  plugInto(segment: Switch): void {
    this.#switch = segment;
    this.poll();
    segment.flush();
  }

  /**
   * The port whose frame is being handled: whose share a new connection is, whatever address it comes from.
   * Undefined outside a frame.
   */
  get origin(): number | undefined {
    return this.#from?.id;
  }

  receive(frame: Uint8Array, offset: number, length: number, from: Port): void {
    if (!this.#filter.admits(frame, offset, length)) return;
    for (const service of this.#frameServices) if (service.receive(frame, offset, length)) return;
    this.#from = from;
    this.#stack.receive(frame, this.#scheduler.now(), offset, length);
    this.#from = undefined;
  }

  poll(): void {
    if (this.#switch === undefined || this.#closed) return;
    for (const work of this.batchWork) work.run();
    const now = this.#scheduler.now();
    const sink = this.#switch.stationSink;
    for (const service of this.#frameServices) if (service.pollAt() <= now) service.poll(now, sink);
    this.#stack.poll(now, sink);
    this.#arm(now);
  }

  /** Polls and flushes after the events that are at hand: for whoever has made something to send. */
  askForTurn(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    this.#scheduler.soon(() => {
      this.#turnAsked = false;
      this.#turn();
    });
  }

  close(): void {
    this.#closed = true;
    this.#stack.onWake = undefined;
    this.#cancelTimer();
  }

  #turn(): void {
    this.poll();
    this.#switch?.flush();
  }

  #arm(now: number): void {
    let at = this.#stack.pollAt();
    for (const service of this.#frameServices) at = Math.min(at, service.pollAt());
    // Due already means that the link takes no more: it calls when it does.
    if (at <= now) at = now + RETRY_MS;
    if (at >= this.#timerAt) return;
    this.#cancelTimer();
    this.#timerAt = at;
    this.#cancelTimer = this.#scheduler.after(at - now, () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#turn();
    });
  }
}
