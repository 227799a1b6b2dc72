import type { Clock } from '@orlop/core';

export interface ClockKeeperOptions {
  readonly clock: Clock;
  /** The host's clock was set, or the host has slept: the machine, which stood still, has another time now. */
  readonly onJump: (jumpMs: number) => void;
}

const LOOK_MS = 1000;
/** Less is what NTP on the virtual network corrects of itself. */
const JUMP_MS = 1000;

/** Notices that the wall clock has gone another way than the time that passed. */
export class ClockKeeper {
  readonly #options: ClockKeeperOptions;
  #offsetMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ClockKeeperOptions) {
    this.#options = options;
    this.#offsetMs = this.#offset();
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    const offsetMs = this.#offset();
    const jumpMs = offsetMs - this.#offsetMs;
    if (Math.abs(jumpMs) < JUMP_MS) return;
    this.#offsetMs = offsetMs;
    this.#options.onJump(jumpMs);
  }

  /** CLOCK_MONOTONIC, which is what `monotonicMs` reads, does not go on while the host sleeps (clock_gettime(2)). */
  #offset(): number {
    const { clock } = this.#options;
    return clock.wallMs() - clock.monotonicMs();
  }
}
