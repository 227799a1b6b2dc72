import { assert } from '@orlop/core';

/** Where a writer puts its bytes: at any offset, in any order. What is never written reads as zero. */
export interface BlockSink {
  /** The caller may reuse `bytes` once the promise is fulfilled. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Sets the length; a longer sink reads as zero beyond what was written. */
  truncate(sizeBytes: number): Promise<void>;
}

/** A run of bytes that may differ from zero. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/** A finished disk that can be read back: what container formats are made from. */
export interface BlockSource {
  readonly sizeBytes: number;
  /** Ascending, not overlapping, not touching; everything outside reads as zero. */
  readonly extents: readonly Extent[];
  /** Fills `into` from `offset`; bytes outside the extents come as zero. */
  read(offset: number, into: Uint8Array): Promise<void>;
}

/** A part of a larger sink, such as a partition; a write beyond `sizeBytes` is a bug of the writer. */
export function sliceSink(sink: BlockSink, start: number, sizeBytes: number): BlockSink {
  return {
    write(offset, bytes) {
      assert(
        offset >= 0 && offset + bytes.length <= sizeBytes,
        `write of ${bytes.length} bytes at ${offset} in a slice of ${sizeBytes}`,
      );
      return sink.write(start + offset, bytes);
    },
    async truncate(size) {
      assert(size <= sizeBytes, `slice of ${sizeBytes} bytes made ${size} long`);
    },
  };
}

/** A disk in memory, for small images and tests. */
export class MemoryDisk implements BlockSink, BlockSource {
  #bytes = new Uint8Array(0);
  #length = 0;
  readonly #written = new ExtentMap();

  get sizeBytes(): number {
    return this.#length;
  }

  get extents(): readonly Extent[] {
    return this.#written.toArray();
  }

  /** The whole content, a view that later writes may change. */
  get bytes(): Uint8Array {
    this.#reserve(this.#length);
    return this.#bytes.subarray(0, this.#length);
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.#reserve(offset + bytes.length);
    this.#bytes.set(bytes, offset);
    this.#length = Math.max(this.#length, offset + bytes.length);
    this.#written.add(offset, bytes.length);
  }

  async truncate(sizeBytes: number): Promise<void> {
    if (sizeBytes < this.#length) {
      this.#bytes.fill(0, sizeBytes, this.#length);
      this.#written.cut(sizeBytes);
    }
    this.#length = sizeBytes;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    into.fill(0);
    if (offset < this.#bytes.length)
      into.set(this.#bytes.subarray(offset, Math.min(offset + into.length, this.#bytes.length)));
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2, 65536));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

/** Runs of written bytes. Invariant: ascending, neither overlapping nor touching. */
export class ExtentMap {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  add(offset: number, length: number): void {
    if (length === 0) return;
    let end = offset + length;
    let start = offset;
    const starts = this.#starts;
    const ends = this.#ends;
    // Writers mostly append.
    const last = ends.length - 1;
    if (last < 0 || offset > (ends[last] as number)) {
      starts.push(start);
      ends.push(end);
      return;
    }
    const from = lowerBound(ends, start);
    let to = from;
    while (to < starts.length && (starts[to] as number) <= end) to++;
    if (to > from) {
      start = Math.min(start, starts[from] as number);
      end = Math.max(end, ends[to - 1] as number);
    }
    starts.splice(from, to - from, start);
    ends.splice(from, to - from, end);
  }

  /** Forgets everything at and beyond `end`. */
  cut(end: number): void {
    while (this.#starts.length > 0 && (this.#starts[this.#starts.length - 1] as number) >= end) {
      this.#starts.pop();
      this.#ends.pop();
    }
    const last = this.#ends.length - 1;
    if (last >= 0 && (this.#ends[last] as number) > end) this.#ends[last] = end;
  }

  toArray(): Extent[] {
    return this.#starts.map((offset, i) => ({ offset, length: (this.#ends[i] as number) - offset }));
  }
}

/** The first index whose value is not below `value`. */
function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
