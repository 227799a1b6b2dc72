/** Time between two looks. */
export const LOOK_MS = 10_000;
/** With fewer events between two looks than these there is no work: guests at rest still renew what they know. */
const EVENTS_OF_WORK = 1000;

/** Calls once for each time of work when it has ended, as whoever looks at intervals of {@link LOOK_MS} sees it. */
export class WorkEnds {
  readonly #events: () => number;
  readonly #onEnd: () => void;
  #seen: number;
  #worked = true;

  /** @param events - how many there were, ever; the start of the process counts as work */
  constructor(events: () => number, onEnd: () => void) {
    this.#events = events;
    this.#onEnd = onEnd;
    this.#seen = events();
  }

  look(): void {
    const events = this.#events();
    const busy = events - this.#seen >= EVENTS_OF_WORK;
    this.#seen = events;
    if (!busy && this.#worked) this.#onEnd();
    this.#worked = busy;
  }
}
