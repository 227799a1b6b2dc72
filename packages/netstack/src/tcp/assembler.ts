/**
 * Which byte ranges beyond the next expected byte have arrived. Positions are offsets in the stream (plain
 * numbers, no wrap-around).
 *
 * Invariant: ranges are sorted, disjoint and never adjacent, and there are at most `limit` of them.
 */
export class Assembler {
  readonly #limit: number;
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  /** Starts in order of their last change, newest first: what SACK reports (RFC 2018 §4). */
  #recent: number[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get rangeCount(): number {
    return this.#starts.length;
  }

  /** Forgets everything from `position` on. */
  cut(position: number): void {
    const starts = this.#starts;
    const ends = this.#ends;
    for (let last = starts.length - 1; last >= 0 && (ends[last] ?? 0) > position; last--) {
      if ((starts[last] ?? 0) < position) {
        ends[last] = position;
        return;
      }
      this.#forget(starts.pop() ?? 0);
      ends.pop();
    }
  }

  /** Adds [start, end). False when that would need one range too many: the bytes must then be dropped. */
  add(start: number, end: number): boolean {
    const starts = this.#starts;
    const ends = this.#ends;
    let first = 0;
    while (first < starts.length && (ends[first] ?? 0) < start) first++;
    let after = first;
    let mergedStart = start;
    let mergedEnd = end;
    while (after < starts.length && (starts[after] ?? 0) <= end) {
      mergedStart = Math.min(mergedStart, starts[after] ?? 0);
      mergedEnd = Math.max(mergedEnd, ends[after] ?? 0);
      after++;
    }
    if (after === first && starts.length >= this.#limit) return false;
    for (let index = first; index < after; index++) this.#forget(starts[index] ?? 0);
    starts.splice(first, after - first, mergedStart);
    ends.splice(first, after - first, mergedEnd);
    this.#recent.unshift(mergedStart);
    return true;
  }

  /** The stream is complete up to `position`: removes what is covered and returns how far it reaches now. */
  takeContiguous(position: number): number {
    let reached = position;
    while (this.#starts.length > 0 && (this.#starts[0] ?? 0) <= reached) {
      const start = this.#starts.shift() ?? 0;
      reached = Math.max(reached, this.#ends.shift() ?? 0);
      this.#forget(start);
    }
    return reached;
  }

  /** The `index`-th most recently changed range. */
  recentRange(index: number): { readonly start: number; readonly end: number } | undefined {
    const start = this.#recent[index];
    if (start === undefined) return undefined;
    return { start, end: this.#ends[this.#starts.indexOf(start)] ?? start };
  }

  clear(): void {
    this.#starts.length = 0;
    this.#ends.length = 0;
    this.#recent = [];
  }

  #forget(start: number): void {
    const at = this.#recent.indexOf(start);
    if (at >= 0) this.#recent.splice(at, 1);
  }
}
