/**
 * How much may be in flight. One object per connection; {@link Retransmission} says what happened, this decides
 * how large the window is.
 */
export interface CongestionControl {
  /** cwnd. */
  readonly windowBytes: number;
  /** ssthresh. */
  readonly thresholdBytes: number;
  setSegmentSize(bytes: number): void;
  /** The SYN was lost more than once: one segment to begin with (RFC 5681 §3.1). Before any data is sent. */
  onLostSyn(): void;
  /** `bytes` of new data were acknowledged outside fast recovery, while the window was the limit. */
  onAcknowledged(bytes: number, now: number, smoothedRttMs: number): void;
  /** Fast retransmit begins with `inFlight` bytes out. Sets threshold and window. */
  onLoss(inFlight: number, now: number): void;
  /** The retransmission timer ran out; `again` when it is not the first time for this data. */
  onTimeout(inFlight: number, now: number, again: boolean): void;
  /** The loss was none (the original arrived late): takes the last reduction back. */
  undo(): void;
  /** Nothing was sent for a time-out: the window is no longer known to be right (RFC 5681 §4.1). */
  onIdle(): void;
}

/** RFC 6928: ten segments, bounded so that large segments do not make it a flood. */
export function initialWindow(segmentBytes: number): number {
  return Math.min(10 * segmentBytes, Math.max(2 * segmentBytes, 14600));
}

/** Slow start would otherwise double towards infinity on a link that never loses. */
export const MAX_WINDOW_BYTES = 1 << 30;
