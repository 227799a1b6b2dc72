import type { Scheduler } from '../scheduler.ts';

export interface IdleSweepOptions {
  readonly scheduler: Scheduler;
  readonly intervalMs: number;
  /** Takes out of its table what has been idle for long. @returns whether anything is left to look at */
  readonly sweep: (nowMs: number) => boolean;
}

/** One timer for all that goes when it is idle: set while there is any, and for no single one of them. */
export class IdleSweep {
  readonly #options: IdleSweepOptions;
  #cancel: (() => void) | undefined = undefined;

  constructor(options: IdleSweepOptions) {
    this.#options = options;
  }

  /** For whoever adds to the table. Sweeps from now on until nothing is left; does nothing where it does already. */
  start(): void {
    const { scheduler, intervalMs, sweep } = this.#options;
    this.#cancel ??= scheduler.after(intervalMs, () => {
      this.#cancel = undefined;
      if (sweep(scheduler.now())) this.start();
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
