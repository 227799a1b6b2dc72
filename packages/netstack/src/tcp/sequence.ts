/**
 * Sequence numbers modulo 2^32 (RFC 9293 §3.4). They are kept as *signed* 32-bit integers, which the engine holds
 * unboxed; only printing makes them unsigned. Differences are right as long as they are below 2^31.
 */

/** `sequence + count`, wrapped. */
export function advance(sequence: number, count: number): number {
  return (sequence + count) | 0;
}

/** How far `to` is ahead of `from`; negative when it is behind. */
export function distance(from: number, to: number): number {
  return (to - from) | 0;
}

/** Of sequence numbers, which wrap (RFC 9293 §3.4). */
export function isBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** Of sequence numbers, which wrap (RFC 9293 §3.4). */
export function isAfter(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

/** The later of the two. */
export function latest(a: number, b: number): number {
  return ((a - b) | 0) > 0 ? a : b;
}

/**
 * Whether a segment of `length` sequence numbers at `sequence` touches the receive window (RFC 9293 §3.10.7.4,
 * the table of four cases). An empty one may also stand at its right edge: that is where the acknowledgements of a
 * peer stand that has filled it, and while a hole is open in it the table would take none.
 */
export function isAcceptable(sequence: number, length: number, next: number, windowBytes: number): boolean {
  const start = distance(next, sequence);
  if (length === 0) return start >= 0 && start <= windowBytes;
  if (windowBytes === 0) return false;
  const end = start + length - 1;
  return (start >= 0 && start < windowBytes) || (end >= 0 && end < windowBytes) || (start < 0 && end >= 0);
}
