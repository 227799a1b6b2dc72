import type { FileHandle } from 'node:fs/promises';
import { emptyBody, recycle, share } from '@orlop/archive';
import type { ContentStore } from '@orlop/disk';
import { FileContents, type Reading } from '../file-contents.ts';
import type { Window } from './windows.ts';

/** Where a content lies. */
interface SpooledContent {
  readonly sizeBytes: number;
  readonly offset: number;
  /** Absent for large and empty files. */
  readonly window: Window | undefined;
}

/** Layers that were merged are read alternately. */
const MAX_WINDOWS = 12;

/** The contents of a spool, read again. Owns no handle. */
export class SpooledContents implements ContentStore {
  readonly #file: FileContents;
  /** What was read for small files, the latest last; each of them is a user of its buffer. */
  readonly #recent = new Map<Window, Reading>();
  #last: Window | undefined;

  constructor(file: FileHandle) {
    this.#file = new FileContents(file);
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.#file.read(offset, into);
  }

  /** A content, in chunks that are the reader's to keep or to recycle. */
  body({ sizeBytes, offset, window }: SpooledContent): AsyncIterable<Uint8Array> {
    if (sizeBytes === 0) return emptyBody;
    if (window === undefined) return this.#file.chunks(offset, sizeBytes);
    return {
      [Symbol.asyncIterator]: () => {
        let given = false;
        return {
          next: async () => {
            if (given) return { done: true, value: undefined };
            given = true;
            return { done: false, value: await this.#small(offset, sizeBytes, window) };
          },
        };
      },
    };
  }

  /** Small files are mostly asked for in about the order in which they lie: one reading serves many. */
  async #small(offset: number, sizeBytes: number, window: Window): Promise<Uint8Array> {
    const { buffer, ready } = this.#window(window);
    share(buffer);
    await ready;
    return buffer.subarray(offset - window.start, offset - window.start + sizeBytes);
  }

  #window(wanted: Window): Reading {
    if (wanted !== this.#last) {
      this.#last = wanted;
      if (wanted.next !== undefined) this.#load(wanted.next);
    }
    return this.#load(wanted);
  }

  /** The latest last. */
  #load(window: Window): Reading {
    const recent = this.#recent;
    const loaded = recent.get(window) ?? this.#file.begin(window.start, window.sizeBytes);
    recent.delete(window);
    recent.set(window, loaded);
    for (const [old, { buffer, ready }] of recent) {
      if (recent.size <= MAX_WINDOWS) break;
      recent.delete(old);
      ready.then(
        () => recycle(buffer),
        () => {},
      );
    }
    return loaded;
  }
}
