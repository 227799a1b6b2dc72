/** Time and turns of an event loop, as the network's parts are given them. */
export interface Scheduler {
  /** Monotonic milliseconds. */
  now(): number;
  /** Wall-clock milliseconds since 1970. */
  wallMs(): number;
  /** Calls once after `delayMs`; the answer takes it back. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls once, after the events that are at hand now. */
  soon(callback: () => void): void;
}
