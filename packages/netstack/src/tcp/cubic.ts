import { type CongestionControl, initialWindow, MAX_WINDOW_BYTES } from './congestion.ts';

/** RFC 9438 §4.1, §4.6: the growth constant and the factor kept on loss. */
const C = 0.4;
const BETA = 0.7;
/** RFC 9438 §4.3: the additive increase that makes the estimate as fair as Reno. */
const RENO_ALPHA = (3 * (1 - BETA)) / (1 + BETA);

/** CUBIC (RFC 9438): the window follows a cubic of the time since the last loss, levelling at the window then. */
export class Cubic implements CongestionControl {
  windowBytes: number;
  thresholdBytes = MAX_WINDOW_BYTES;
  #segment: number;
  /** In segments, as in the RFC. */
  #windowMax = 0;
  /** cwnd_prior: the window at the last reduction. */
  #priorWindow = 0;
  #epochStart = -1;
  #epochWindow = 0;
  #k = 0;
  #renoEstimate = 0;
  #before = { window: 0, threshold: 0, windowMax: 0 };

  constructor(segmentBytes: number) {
    this.#segment = segmentBytes;
    this.windowBytes = initialWindow(segmentBytes);
  }

  setSegmentSize(bytes: number): void {
    // Made for the path, whose segments may be larger than those that the peer takes.
    if (this.windowBytes === initialWindow(this.#segment)) this.windowBytes = initialWindow(bytes);
    this.#segment = bytes;
    this.windowBytes = Math.max(this.windowBytes, 2 * bytes);
  }

  onLostSyn(): void {
    this.windowBytes = this.#segment;
  }

  onAcknowledged(bytes: number, now: number, smoothedRttMs: number): void {
    if (this.windowBytes < this.thresholdBytes) {
      this.windowBytes = Math.min(MAX_WINDOW_BYTES, this.windowBytes + bytes);
      return;
    }
    if (this.#epochStart < 0) this.#startEpoch(now);
    const window = this.windowBytes / this.#segment;
    const segments = bytes / this.#segment;
    const seconds = (now - this.#epochStart) / 1000;
    const target = this.#cubicAt(seconds + smoothedRttMs / 1000);
    this.#renoEstimate += (this.#renoEstimate < this.#priorWindow ? RENO_ALPHA : 1) * (segments / window);
    const next =
      this.#cubicAt(seconds) < this.#renoEstimate
        ? Math.max(window, this.#renoEstimate)
        : window + ((Math.min(Math.max(target, window), 1.5 * window) - window) / window) * segments;
    this.windowBytes = Math.min(MAX_WINDOW_BYTES, next * this.#segment);
  }

  onLoss(inFlight: number): void {
    this.#reduce(inFlight);
    this.windowBytes = this.thresholdBytes;
  }

  onTimeout(inFlight: number, _now: number, again: boolean): void {
    if (!again) this.#reduce(inFlight);
    // The old peak is no aim any more: the next epoch begins its curve where it starts (RFC 9438 §4.8).
    this.#windowMax = 0;
    this.windowBytes = this.#segment;
  }

  undo(): void {
    this.windowBytes = Math.max(this.windowBytes, this.#before.window);
    this.thresholdBytes = Math.max(this.thresholdBytes, this.#before.threshold);
    this.#windowMax = Math.max(this.#windowMax, this.#before.windowMax);
    this.#epochStart = -1;
  }

  onIdle(): void {
    this.windowBytes = Math.min(this.windowBytes, initialWindow(this.#segment));
    this.#epochStart = -1;
  }

  #startEpoch(now: number): void {
    const window = this.windowBytes / this.#segment;
    this.#epochStart = now;
    this.#epochWindow = window;
    this.#windowMax = Math.max(this.#windowMax, window);
    this.#k = Math.cbrt((this.#windowMax - this.#epochWindow) / C);
    this.#renoEstimate = window;
  }

  #cubicAt(seconds: number): number {
    return C * (seconds - this.#k) ** 3 + this.#windowMax;
  }

  #reduce(inFlight: number): void {
    this.#before = {
      window: this.windowBytes,
      threshold: this.thresholdBytes,
      windowMax: this.#windowMax,
    };
    const window = this.windowBytes / this.#segment;
    this.#priorWindow = window;
    // Fast convergence (RFC 9438 §4.7): a smaller peak than last time leaves room for newcomers.
    this.#windowMax = window < this.#windowMax ? (window * (1 + BETA)) / 2 : window;
    this.thresholdBytes = Math.max(inFlight * BETA, 2 * this.#segment);
    this.#epochStart = -1;
  }
}
