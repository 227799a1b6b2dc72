/** Longest time that is spent looking for the next event before the process sleeps. */
const MAX_WINDOW_MS = 0.05;
const FIRST_WINDOW_MS = 0.02;
/** An event this soon after falling asleep would have been worth staying awake for. */
const WORTHWHILE_MS = 0.1;
/** Two looks this far apart: somebody else was given the processor meanwhile. */
const PREEMPTED_MS = 0.15;

/**
 * How long to look for the next event before sleeping, as KVM's halt polling does: where requests and answers
 * follow each other closely, being woken takes longer than the answer. Times are monotonic milliseconds.
 *
 * The window opens when events come right after falling asleep, and closes at the first that does not; an idle
 * network costs nothing. It closes too when somebody else was given the processor meanwhile. It may open again at
 * once: most often that was a moment's work, or the client or server that we had woken ourselves.
 */
export class AdaptiveSpin {
  #windowMs = 0;
  #deadlineMs = Number.NEGATIVE_INFINITY;
  #sleptAtMs = Number.NEGATIVE_INFINITY;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  /** An event has ended the sleep. */
  onWake(now: number): void {
    this.#lookedAtMs = now;
    if (now - this.#sleptAtMs > WORTHWHILE_MS) this.#windowMs = 0;
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
    this.#windowMs = 0;
    return false;
  }

  onSleep(now: number): void {
    this.#sleptAtMs = now;
  }
}
