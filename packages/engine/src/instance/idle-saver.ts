import type { Clock } from '@orlop/core';

export interface IdleSaverOptions {
  readonly clock: Clock;
  /** 0: never. Asked each time, so that a changed setting holds at once. */
  readonly limitSeconds: () => Promise<number>;
  readonly isBusy: () => boolean;
  readonly onIdle: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}

const LOOK_MS = 1000;

/** Calls when nothing has needed the engine for a while. */
export class IdleSaver {
  readonly #options: IdleSaverOptions;
  #usedAtMs: number;
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
    const limit = await limitSeconds();
    if (limit === 0 || clock.monotonicMs() - this.#usedAtMs < limit * 1000 || isBusy()) return;
    this.touch();
    await onIdle();
  }
}
