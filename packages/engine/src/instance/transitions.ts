import { engineError } from '../errors.ts';
import { Turns } from '../turns.ts';

/**
 * What an engine does between two states: one start at a time, which all who ask for it join, and one stop at a time, each
 * after those that were asked for before it. A start begins when no stop is under way or waits. Who finds a start under way
 * waits for it, whatever else there is: towards its end the engine answers already.
 */
export class Transitions {
  #start: { readonly promise: Promise<void>; readonly cancel: AbortController } | undefined;
  readonly #turns = new Turns();
  /** Stops that are under way or wait. */
  #stops = 0;
  /** Each is one who waits for a start: one that is under way, or one that a stop keeps from beginning. */
  readonly #asked = new Set<AbortController>();

  /** The start under way. */
  get starting(): Promise<void> | undefined {
    return this.#start?.promise;
  }

  /** A stop is under way, or waits. */
  get isStopping(): boolean {
    return this.#stops > 0;
  }

  /** How many wait for a start. */
  get asked(): number {
    return this.#asked.size;
  }

  /**
   * Begins a start when nothing stops, or joins the one under way.
   *
   * @param options.gone aborted when whoever asked no longer waits; the start goes on
   * @returns whether it was this work that was done
   * @throws OrlopError `engine.start-cancelled` when it was given up before it began
   */
  async start(
    work: (signal: AbortSignal) => Promise<void>,
    { gone }: { readonly gone?: AbortSignal | undefined } = {},
  ): Promise<'begun' | 'joined'> {
    const asker = new AbortController();
    const leave = () => void this.#asked.delete(asker);
    if (gone?.aborted !== true) this.#asked.add(asker);
    gone?.addEventListener('abort', leave, { once: true });
    try {
      while (this.#stops > 0) await unlessAborted(this.untilStopped(), asker.signal);
      asker.signal.throwIfAborted();
      const underWay = this.#start?.promise;
      await (underWay ?? this.#begin(work));
      return underWay === undefined ? 'begun' : 'joined';
    } finally {
      gone?.removeEventListener('abort', leave);
      leave();
    }
  }

  #begin(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const cancel = new AbortController();
    const promise = work(cancel.signal).finally(() => {
      this.#start = undefined;
    });
    this.#start = { promise, cancel };
    return promise;
  }

  /** Gives up the start under way and those that wait to begin, and resolves when it has ended. */
  async cancelStart(): Promise<void> {
    const reason = engineError('engine.start-cancelled', 'the start was given up before it began');
    for (const asker of this.#asked) asker.abort(reason);
    this.#start?.cancel.abort();
    await this.#start?.promise.catch(() => undefined);
  }

  /** Stops in its turn. A start that is under way by then is waited for; who wants none gives it up before. */
  async stop<T>(work: () => Promise<T>): Promise<T> {
    this.#stops++;
    try {
      return await this.#turns.run(async () => {
        await this.#start?.promise.catch(() => undefined);
        return work();
      });
    } finally {
      this.#stops--;
    }
  }

  /** Resolves when no stop is under way or waits. */
  async untilStopped(): Promise<void> {
    while (this.#stops > 0) await this.#turns.run(async () => undefined);
  }
}

/** Waits no longer when it is aborted. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
  });
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
