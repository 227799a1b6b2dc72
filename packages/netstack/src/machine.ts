import type { EthernetPort } from './ethernet.ts';
import type { FrameSink, PacketMachine } from './face.ts';
import type { IpLayer } from './ip/ip-layer.ts';

/** A part of a stack that has timers; `now` arrives with each call. */
export interface Timed {
  poll(now: number): void;
  pollAt(): number;
}

/** A part of a stack that writes frames itself. */
export interface Sender {
  /** False when the link is full. */
  poll(now: number, sink: FrameSink): boolean;
  pollAt(): number;
}

export interface MachineParts {
  readonly ethernet: EthernetPort;
  readonly ip: IpLayer;
  readonly timed: readonly Timed[];
  readonly senders: readonly Sender[];
}

/** Tells a driver that there is something to send, once until the next poll. */
export class Wake {
  handler: (() => void) | undefined;
  #quiet = false;

  readonly call = (): void => {
    if (this.#quiet) return;
    this.#quiet = true;
    this.handler?.();
  };

  /** What happens inside `receive` and `poll` needs no call: the driver polls anyhow. */
  hold(): void {
    this.#quiet = true;
  }

  release(): void {
    this.#quiet = false;
  }
}

/** Composes the parts of a host that are there into one sans-IO machine. */
export class Machine implements PacketMachine {
  readonly #parts: MachineParts;
  readonly #wake: Wake;
  #linkFull = false;

  constructor(parts: MachineParts, wake: Wake) {
    this.#parts = parts;
    this.#wake = wake;
  }

  get onWake(): (() => void) | undefined {
    return this.#wake.handler;
  }

  set onWake(handler: (() => void) | undefined) {
    this.#wake.handler = handler;
  }

  receive(frame: Uint8Array, now: number, offset = 0, length = frame.length - offset): void {
    const { ethernet, ip } = this.#parts;
    ip.now = now;
    this.#wake.hold();
    ethernet.receive(frame, now, offset, length);
  }

  poll(now: number, sink: FrameSink): void {
    const { ethernet, ip, timed, senders } = this.#parts;
    ip.now = now;
    this.#wake.hold();
    for (const part of timed) part.poll(now);
    this.#linkFull = !ethernet.poll(sink);
    for (const sender of senders) {
      if (!this.#linkFull) this.#linkFull = !sender.poll(now, sink);
    }
    // What senders queued on the way: requests for neighbours, resets.
    if (!this.#linkFull) this.#linkFull = !ethernet.poll(sink);
    this.#wake.release();
  }

  /** While the link is full there is no use in polling before it says so itself. */
  pollAt(): number {
    const { ethernet, timed, senders } = this.#parts;
    if (ethernet.hasQueued) return 0;
    let at = Number.POSITIVE_INFINITY;
    for (const part of timed) at = Math.min(at, part.pollAt());
    for (const sender of senders) at = Math.min(at, sender.pollAt());
    return at;
  }
}
