/** With fewer events between two looks than these there is no work: guests at rest still renew what they know. */
const EVENTS_OF_WORK = 500;

/** For how many looks there has been no work, as whoever looks at intervals sees it. The start of the process is work. */
export class Quiet {
  readonly #events: () => number;
  #seen: number;
  #looks = 0;

  /** @param events - how many there were, ever */
  constructor(events: () => number) {
    this.#events = events;
    this.#seen = events();
  }

  look(): number {
    const events = this.#events();
    const worked = events - this.#seen >= EVENTS_OF_WORK;
    this.#seen = events;
    this.#looks = worked ? 0 : this.#looks + 1;
    return this.#looks;
  }
}
