/** Longest time that is spent looking for the next event before the process sleeps. */
const MAX_WINDOW_MS = 0.05;
const FIRST_WINDOW_MS = 0.02;
/** An event this soon after falling asleep would have been worth staying awake for. */
const WORTHWHILE_MS = 0.1;
/** Two looks this far apart: somebody else was given the processor meanwhile. */
const PREEMPTED_MS = 0.15;
/** Processors that others need are left alone for this long. */
const BACK_OFF_MS = 250;

export interface SpinLoop {
  now(): number;
  /** Calls after the events that are at hand, without sleeping in between. */
  soon(callback: () => void): void;
}

/**
 * Keeps the event loop awake for some microseconds after an event, as KVM's halt polling does: where requests and
 * answers follow each other closely, being woken takes longer than the answer.
 *
 * The window opens when events come right after falling asleep, and closes at the first that does not; an idle
 * network costs nothing. Where others wait for the processor, looking only delays them, and in the end us: the
 * scheduler gives it first to who has used it least.
 */
export class AdaptiveSpin {
  readonly #loop: SpinLoop;
  #windowMs = 0;
  #deadlineMs = 0;
  #sleptAtMs = 0;
  #lookedAtMs = 0;
  #backOffUntilMs = 0;
  #awake = false;

  constructor(loop: SpinLoop) {
    this.#loop = loop;
  }

  /** To be called after an event was handled. */
  onEvent(): void {
    const now = this.#loop.now();
    this.#lookedAtMs = now;
    if (this.#awake) {
      this.#deadlineMs = now + this.#windowMs;
      return;
    }
    if (now < this.#backOffUntilMs) return;
    if (now - this.#sleptAtMs > WORTHWHILE_MS) this.#windowMs = 0;
    else this.#windowMs = Math.min(MAX_WINDOW_MS, Math.max(FIRST_WINDOW_MS, this.#windowMs * 2));
    if (this.#windowMs === 0) {
      this.#sleptAtMs = now;
      return;
    }
    this.#awake = true;
    this.#deadlineMs = now + this.#windowMs;
    this.#loop.soon(this.#look);
  }

  readonly #look = (): void => {
    const now = this.#loop.now();
    const wasPreempted = now - this.#lookedAtMs > PREEMPTED_MS;
    this.#lookedAtMs = now;
    if (wasPreempted) {
      this.#backOffUntilMs = now + BACK_OFF_MS;
      this.#windowMs = 0;
    } else if (now < this.#deadlineMs) {
      this.#loop.soon(this.#look);
      return;
    }
    this.#awake = false;
    this.#sleptAtMs = now;
  };
}
