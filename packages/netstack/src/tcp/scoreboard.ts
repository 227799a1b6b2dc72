import { distance } from './sequence.ts';

/** Ranges kept; what a receiver reports beyond is not remembered, and so retransmitted at worst. */
const MAX_RANGES = 256;
/** RFC 6675: DupThresh. */
export const DUPLICATE_THRESHOLD = 3;

/**
 * Which bytes beyond the acknowledged ones the peer has (RFC 6675 §3, §4).
 *
 * Invariant: ranges [lefts[i], rights[i]) are ascending, disjoint, not adjacent, and beyond the last `advance`.
 */
export class Scoreboard {
  readonly #lefts: number[] = [];
  readonly #rights: number[] = [];
  #sacked = 0;

  get sackedBytes(): number {
    return this.#sacked;
  }

  get isEmpty(): boolean {
    return this.#lefts.length === 0;
  }

  /** Everything before `una` is acknowledged. */
  advance(una: number): void {
    while (this.#lefts.length > 0 && distance(una, this.#rights[0]) <= 0) {
      this.#sacked -= distance(this.#lefts[0], this.#rights[0]);
      this.#lefts.shift();
      this.#rights.shift();
    }
    if (this.#lefts.length > 0 && distance(una, this.#lefts[0]) < 0) {
      this.#sacked -= distance(this.#lefts[0], una);
      this.#lefts[0] = una;
    }
  }

  /** Adds a SACK block; returns how many bytes of it were news. */
  mark(left: number, right: number): number {
    let first = 0;
    while (first < this.#lefts.length && distance(this.#rights[first], left) > 0) first++;
    let after = first;
    let mergedLeft = left;
    let mergedRight = right;
    let known = 0;
    while (after < this.#lefts.length && distance(this.#lefts[after], right) >= 0) {
      known += distance(this.#lefts[after], this.#rights[after]);
      if (distance(this.#lefts[after], mergedLeft) > 0) mergedLeft = this.#lefts[after];
      if (distance(mergedRight, this.#rights[after]) > 0) mergedRight = this.#rights[after];
      after++;
    }
    if (after === first && this.#lefts.length >= MAX_RANGES) return 0;
    this.#lefts.splice(first, after - first, mergedLeft);
    this.#rights.splice(first, after - first, mergedRight);
    const news = distance(mergedLeft, mergedRight) - known;
    this.#sacked += news;
    return news;
  }

  clear(): void {
    if (this.isEmpty) return;
    this.#lefts.length = 0;
    this.#rights.length = 0;
    this.#sacked = 0;
  }

  /**
   * Below which sequence number everything not SACKed counts as lost: three ranges, or more than two segments'
   * bytes, were received above (RFC 6675 §4, IsLost). Returns `una` when nothing is lost.
   */
  lostBelow(una: number, segmentBytes: number): number {
    let bytes = 0;
    for (let index = this.#lefts.length - 1, ranges = 1; index >= 0; index--, ranges++) {
      bytes += distance(this.#lefts[index], this.#rights[index]);
      if (ranges >= DUPLICATE_THRESHOLD || bytes > (DUPLICATE_THRESHOLD - 1) * segmentBytes) {
        return this.#lefts[index];
      }
    }
    return una;
  }

  /** Bytes in [from, to) that are not SACKed. */
  unsackedBetween(from: number, to: number): number {
    let bytes = Math.max(0, distance(from, to));
    for (let index = 0; index < this.#lefts.length; index++) {
      const left = Math.max(0, distance(from, this.#lefts[index]));
      const right = Math.min(distance(from, to), distance(from, this.#rights[index]));
      if (right > left) bytes -= right - left;
    }
    return bytes;
  }

  /** The first byte at or after `from` that is not SACKed. */
  nextUnsacked(from: number): number {
    let sequence = from;
    for (let index = 0; index < this.#lefts.length; index++) {
      if (distance(sequence, this.#lefts[index]) > 0) return sequence;
      if (distance(sequence, this.#rights[index]) > 0) sequence = this.#rights[index];
    }
    return sequence;
  }

  /** How many bytes from `sequence` (not SACKed) on are not SACKed either, `most` at most. */
  holeLength(sequence: number, most: number): number {
    for (const left of this.#lefts) {
      const ahead = distance(sequence, left);
      if (ahead > 0) return Math.min(most, ahead);
    }
    return most;
  }
}
