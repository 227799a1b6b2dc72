/** Longest time that is spent looking for the next event before the process sleeps. */
const MAX_WINDOW_MS = 0.05;
const FIRST_WINDOW_MS = 0.02;
/** An event this soon after falling asleep would have been worth staying awake for. */
const WORTHWHILE_MS = 0.1;
/** Two looks this far apart: somebody else was given the processor meanwhile. */
const PREEMPTED_MS = 0.15;
/** Processors that others need are left alone for this long. */
const BACK_OFF_MS = 250;

/**
 * How long to look for the next event before sleeping, as KVM's halt polling does: where requests and answers
 * follow each other closely, being woken takes longer than the answer. Times are monotonic milliseconds.
 *
 * The window opens when events come right after falling asleep, and closes at the first that does not; an idle
 * network costs nothing. Where others wait for the processor, looking only delays them, and in the end us: the
 * scheduler gives it first to who has used it least.
 */
export class AdaptiveSpin {
  #windowMs = 0;
  #deadlineMs = Number.NEGATIVE_INFINITY;
  #sleptAtMs = Number.NEGATIVE_INFINITY;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #backOffUntilMs = Number.NEGATIVE_INFINITY;

  /** An event has ended the sleep. */
  onWake(now: number): void {
    this.#lookedAtMs = now;
    if (now < this.#backOffUntilMs || now - this.#sleptAtMs > WORTHWHILE_MS) this.#windowMs = 0;
    else this.#windowMs = Math.min(MAX_WINDOW_MS, Math.max(FIRST_WINDOW_MS, this.#windowMs * 2));
    this.#deadlineMs = now + this.#windowMs;
  }

  /** Events were handled, up to now. */
  onEvents(now: number): void {
    this.#lookedAtMs = now;
    this.#deadlineMs = now + this.#windowMs;
  }

  /** Nothing is at hand: whether to look again rather than sleep. */
  staysAwake(now: number): boolean {
    const wasPreempted = this.#windowMs > 0 && now - this.#lookedAtMs > PREEMPTED_MS;
    this.#lookedAtMs = now;
    if (!wasPreempted) return now < this.#deadlineMs;
    this.#backOffUntilMs = now + BACK_OFF_MS;
    this.#windowMs = 0;
    return false;
  }

  onSleep(now: number): void {
    this.#sleptAtMs = now;
  }
}
