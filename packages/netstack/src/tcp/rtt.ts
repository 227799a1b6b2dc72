export interface RttOptions {
  /** Lower bound of the retransmission time-out; RFC 6298 says 1 s, systems use less. */
  readonly minTimeoutMs: number;
  /** Upper bound, at least 60 s (RFC 6298 §2.4). */
  readonly maxTimeoutMs: number;
  /** Before the first sample (RFC 6298 §2.1: 1 s). */
  readonly initialTimeoutMs: number;
}

/** Clock granularity G of RFC 6298: timestamps count milliseconds. */
const GRANULARITY_MS = 1;

/** Smoothed round-trip time and retransmission time-out (RFC 6298). */
export class RttEstimator {
  readonly #options: RttOptions;
  #smoothed = -1;
  #variation = 0;
  #base: number;
  #backoff = 0;

  constructor(options: RttOptions) {
    this.#options = options;
    this.#base = options.initialTimeoutMs;
  }

  /** Undefined before the first sample. */
  get smoothedMs(): number | undefined {
    return this.#smoothed < 0 ? undefined : this.#smoothed;
  }

  /** The time-out with its back-off (RFC 6298 §5.5). */
  get timeoutMs(): number {
    const timeout = this.#backoff === 0 ? this.#base : this.#base * 2 ** this.#backoff;
    return Math.min(timeout, this.#options.maxTimeoutMs);
  }

  /** Takes a measured round trip; never one of a retransmitted segment without timestamps (Karn). */
  sample(measuredMs: number): void {
    if (this.#smoothed < 0) {
      this.#smoothed = measuredMs;
      this.#variation = measuredMs / 2;
    } else {
      this.#variation += (Math.abs(this.#smoothed - measuredMs) - this.#variation) / 4;
      this.#smoothed += (measuredMs - this.#smoothed) / 8;
    }
    const timeout = this.#smoothed + Math.max(GRANULARITY_MS, 4 * this.#variation);
    this.#base = Math.min(this.#options.maxTimeoutMs, Math.max(this.#options.minTimeoutMs, timeout));
    this.#backoff = 0;
  }

  /** The timer ran out: twice as long next time. */
  backOff(): void {
    if (this.timeoutMs < this.#options.maxTimeoutMs) this.#backoff++;
  }

  /** New data was acknowledged: the path works, the back-off ends. */
  endBackoff(): void {
    this.#backoff = 0;
  }

  /** RFC 6298 §5.7: after a SYN had to be repeated, data begins with 3 s. */
  startAfterLostSyn(): void {
    if (this.#smoothed >= 0) return;
    this.#base = Math.max(this.#base, 3000);
    this.#backoff = 0;
  }
}
