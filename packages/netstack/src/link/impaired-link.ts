import type { Random } from '@orlop/core';
import type { FrameLink, FrameLinkHandler, TurnScheduler } from '../driver.ts';
import { copyFrame } from '../frame-sinks.ts';
import { type LinkConditions, MemoryLink } from './memory-link.ts';

export interface ImpairedLinkParts {
  readonly link: FrameLink;
  readonly scheduler: TurnScheduler;
  readonly random: Random;
}

/**
 * A link of any kind made worse both ways: loss, delay, reordering, duplication, damage. What `netem` does in a
 * kernel, for machines whose kernel has none.
 */
export class ImpairedLink implements FrameLink {
  readonly incoming: MemoryLink;
  readonly outgoing: MemoryLink;
  readonly #parts: ImpairedLinkParts;
  #handler: FrameLinkHandler | undefined;
  #cancelTimer: () => void = () => {};
  #closed = false;

  constructor(parts: ImpairedLinkParts, conditions: LinkConditions) {
    this.#parts = parts;
    this.incoming = new MemoryLink(conditions, parts.random);
    this.outgoing = new MemoryLink(conditions, parts.random);
  }

  get buffer(): Uint8Array {
    return this.outgoing.sink.buffer;
  }

  get offset(): number {
    return this.outgoing.sink.offset;
  }

  reserve(maxLength: number): boolean {
    this.outgoing.now = this.#parts.scheduler.now();
    return this.outgoing.sink.reserve(maxLength);
  }

  commit(length: number): void {
    this.outgoing.sink.commit(length);
  }

  open(handler: FrameLinkHandler): void {
    this.#handler = handler;
    this.#parts.link.open({
      onFrame: (buffer, offset, length) => {
        this.incoming.now = this.#parts.scheduler.now();
        copyFrame(this.incoming.sink, buffer, offset, length);
      },
      onBatchEnd: () => this.#move(),
      onDrained: () => this.#move(),
      onClosed: (reason) => handler.onClosed(reason),
    });
  }

  flush(): void {
    this.#move();
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    this.#parts.link.close();
  }

  /** Hands on what is due, in both directions. */
  #move(): void {
    if (this.#closed) return;
    const { link, scheduler } = this.#parts;
    const now = scheduler.now();
    for (const frame of this.outgoing.arrivals(now)) copyFrame(link, frame, 0, frame.length);
    link.flush();
    let count = 0;
    for (const frame of this.incoming.arrivals(now)) {
      this.#handler?.onFrame(frame, 0, frame.length);
      count++;
    }
    this.#arm(now);
    if (count > 0) this.#handler?.onBatchEnd();
  }

  #arm(now: number): void {
    this.#cancelTimer();
    const at = Math.min(this.incoming.nextAt(), this.outgoing.nextAt());
    if (at === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = this.#parts.scheduler.after(Math.max(0, at - now), () => this.#move());
  }
}
