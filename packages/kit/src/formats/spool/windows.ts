import { CHUNK_BYTES } from '../file-contents.ts';

/** Files up to this are read many at a time. */
const MAX_SMALL_BYTES = 128 * 1024;

/** Small files that lie together. */
export interface Window {
  readonly start: number;
  sizeBytes: number;
  /** The one that follows without a large file between. */
  next: Window | undefined;
}

/** Puts small files together as they come, so that one reading serves many. */
export class Windows {
  readonly #all: Window[] = [];
  #isOpen = false;

  /** In which a file lies that begins at `offset`, right behind the one before; undefined for one that is read alone. */
  place(offset: number, sizeBytes: number): number | undefined {
    const last = this.#isOpen ? this.#all.at(-1) : undefined;
    if (sizeBytes > MAX_SMALL_BYTES) {
      this.#isOpen = false;
      return undefined;
    }
    if (last !== undefined && last.sizeBytes + sizeBytes <= CHUNK_BYTES) {
      last.sizeBytes += sizeBytes;
    } else {
      const window: Window = { start: offset, sizeBytes, next: undefined };
      if (last !== undefined) last.next = window;
      this.#all.push(window);
      this.#isOpen = true;
    }
    return this.#all.length - 1;
  }

  /** @param number that {@link Windows.place} gave */
  get(number: number): Window | undefined {
    return this.#all[number];
  }
}
