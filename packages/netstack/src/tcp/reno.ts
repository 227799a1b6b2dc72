import { type CongestionControl, initialWindow, MAX_WINDOW_BYTES } from './congestion.ts';

/** RFC 5681 with the fast recovery of RFC 6582 and RFC 6675: half on loss, one segment a round trip. */
export class Reno implements CongestionControl {
  windowBytes: number;
  thresholdBytes = MAX_WINDOW_BYTES;
  #segment: number;
  #acknowledged = 0;
  #beforeLoss = { window: 0, threshold: 0 };

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

  onAcknowledged(bytes: number): void {
    if (this.windowBytes < this.thresholdBytes) {
      this.windowBytes = Math.min(MAX_WINDOW_BYTES, this.windowBytes + bytes);
      return;
    }
    // Appropriate byte counting (RFC 3465): one segment more when a window's worth is acknowledged.
    this.#acknowledged += bytes;
    if (this.#acknowledged >= this.windowBytes) {
      this.#acknowledged -= this.windowBytes;
      this.windowBytes = Math.min(MAX_WINDOW_BYTES, this.windowBytes + this.#segment);
    }
  }

  onLoss(inFlight: number): void {
    this.#remember();
    this.thresholdBytes = Math.max(inFlight / 2, 2 * this.#segment);
    this.windowBytes = this.thresholdBytes;
  }

  onTimeout(inFlight: number, _now: number, again: boolean): void {
    if (!again) {
      this.#remember();
      this.thresholdBytes = Math.max(inFlight / 2, 2 * this.#segment);
    }
    this.windowBytes = this.#segment;
  }

  undo(): void {
    this.windowBytes = Math.max(this.windowBytes, this.#beforeLoss.window);
    this.thresholdBytes = Math.max(this.thresholdBytes, this.#beforeLoss.threshold);
  }

  onIdle(): void {
    this.windowBytes = Math.min(this.windowBytes, initialWindow(this.#segment));
  }

  #remember(): void {
    this.#beforeLoss.window = this.windowBytes;
    this.#beforeLoss.threshold = this.thresholdBytes;
    this.#acknowledged = 0;
  }
}
