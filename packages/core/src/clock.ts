/** Time as a program is given it; pure code takes plain numbers instead. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary start. */
  monotonicMs(): number;
  /** Wall-clock milliseconds since 1970-01-01T00:00:00Z. */
  wallMs(): number;
}
