const CHUNK = 1 << 16;

/** Whole numbers of 32 bits with a sign, by index: 4 bytes each outside of the heap, grown without being copied. */
export class IntColumn {
  readonly #chunks: Int32Array[] = [];
  readonly #initial: number;
  #size = 0;

  /** @param initial what is at an index below {@link size} that was never set */
  constructor(initial = 0) {
    this.#initial = initial;
  }

  /** One more than the highest index that was set. */
  get size(): number {
    return this.#size;
  }

  get(index: number): number {
    return index < this.#size
      ? ((this.#chunks[index >>> 16] as Int32Array)[index % CHUNK] as number)
      : this.#initial;
  }

  set(index: number, value: number): void {
    while (this.#chunks.length * CHUNK <= index) this.#chunks.push(new Int32Array(CHUNK).fill(this.#initial));
    (this.#chunks[index >>> 16] as Int32Array)[index % CHUNK] = value;
    if (index >= this.#size) this.#size = index + 1;
  }

  /** @returns the index */
  push(value: number): number {
    this.set(this.#size, value);
    return this.#size - 1;
  }
}
