/**
 * One start and one stop at a time, whoever asks for them. Who finds a start under way waits for it, whatever else there
 * is: towards its end the engine answers already.
 */
export class Transitions {
  #start: { readonly promise: Promise<void>; readonly cancel: AbortController } | undefined;
  #stopping: Promise<void> | undefined;

  /** The start under way. */
  get starting(): Promise<void> | undefined {
    return this.#start?.promise;
  }

  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Begins a start, or joins the one under way. */
  start(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.#start !== undefined) return this.#start.promise;
    const cancel = new AbortController();
    const promise = work(cancel.signal).finally(() => {
      this.#start = undefined;
    });
    this.#start = { promise, cancel };
    return promise;
  }

  /** Gives up the start under way, and resolves when it has ended. */
  async cancelStart(): Promise<void> {
    this.#start?.cancel.abort();
    await this.#start?.promise.catch(() => undefined);
  }

  /** Begins a stop, or joins the one under way. */
  async stop(work: () => Promise<void>): Promise<void> {
    this.#stopping ??= work().finally(() => {
      this.#stopping = undefined;
    });
    await this.#stopping;
  }

  async untilStopped(): Promise<void> {
    while (this.#stopping !== undefined) await this.#stopping.catch(() => undefined);
  }
}
