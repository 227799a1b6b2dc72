import type { Clock } from '@orlop/core';

export interface IdleSaverOptions {
  readonly clock: Clock;
  /** 0: never. Asked again every few seconds, so that a changed setting holds soon. */
  readonly limitSeconds: () => Promise<number>;
  readonly isBusy: () => boolean;
  readonly onIdle: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}

const LOOK_MS = 1000;
/** The answer comes out of files: not at every look. */
const ASK_MS = 5000;

/** Calls when nothing has needed the engine for a while. */
export class IdleSaver {
  readonly #options: IdleSaverOptions;
  #usedAtMs: number;
  #askAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: IdleSaverOptions) {
    this.#options = options;
    this.#usedAtMs = options.clock.monotonicMs();
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.look().catch(this.#options.onError);
    }, LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Somebody needs the engine now. */
  touch(): void {
    this.#usedAtMs = this.#options.clock.monotonicMs();
  }

  async look(): Promise<void> {
    const { clock, limitSeconds, isBusy, onIdle } = this.#options;
    if (isBusy()) {
      this.touch();
      return;
    }
    const now = clock.monotonicMs();
    if (now < this.#askAtMs) return;
    const limit = await limitSeconds();
    const leftMs = limit === 0 ? Number.POSITIVE_INFINITY : this.#usedAtMs + limit * 1000 - now;
    if (leftMs > 0) this.#askAtMs = now + Math.min(leftMs, ASK_MS);
    if (leftMs > 0 || isBusy()) return;
    this.touch();
    await onIdle();
  }
}
