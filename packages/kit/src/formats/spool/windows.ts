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
  #open: Window | undefined;

  /** Where a file lies that begins at `offset`, right behind the one before; undefined for one that is read alone. */
  place(offset: number, sizeBytes: number): Window | undefined {
    const window = this.#open;
    if (sizeBytes > MAX_SMALL_BYTES) {
      this.#open = undefined;
    } else if (window !== undefined && window.sizeBytes + sizeBytes <= CHUNK_BYTES) {
      window.sizeBytes += sizeBytes;
    } else {
      this.#open = { start: offset, sizeBytes, next: undefined };
      if (window !== undefined) window.next = this.#open;
    }
    return this.#open;
  }
}
