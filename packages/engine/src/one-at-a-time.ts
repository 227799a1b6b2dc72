/**
 * Work that runs once at a time: asked for while it runs, it runs once more after that, however often it was asked, since what
 * it was asked for may have come too late for the run under way.
 */
export class OneAtATime {
  readonly #work: () => Promise<void>;
  #running: Promise<void> | undefined;
  #isDueAgain = false;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Resolves when a run has ended that began after this call. Rejects as the last run did. */
  run(): Promise<void> {
    if (this.#running !== undefined) {
      this.#isDueAgain = true;
      return this.#running;
    }
    this.#running = this.#runAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #runAll(): Promise<void> {
    for (;;) {
      this.#isDueAgain = false;
      try {
        await this.#work();
      } catch (error) {
        if (!this.#isDueAgain) throw error;
      }
      if (!this.#isDueAgain) return;
    }
  }
}
