import type { FileHandle } from 'node:fs/promises';
import { BufferPool, type EntryHeader, emptyBody, recycle, share } from '@orlop/archive';
import type { ContentStore } from '@orlop/disk';
import { WINDOW_BYTES, type Window } from './windows.ts';

/** An entry, and where its content lies. */
export interface SpooledMember {
  readonly header: EntryHeader;
  readonly offset: number;
  /** Absent for large and empty files. */
  readonly window?: Window;
  /** Equal for equal contents; absent where no other file is as long. */
  contentKey?: string;
}

/** Layers that were merged are read alternately. */
const MAX_WINDOWS = 12;
const CHUNK_BYTES = WINDOW_BYTES;
/** As many as a writer to a file has in hand, besides the windows. */
const MAX_FREE_BUFFERS = 8;

/** What is read for many small files, or will have been. */
interface LoadedWindow {
  readonly buffer: Uint8Array;
  readonly ready: Promise<void>;
}

/** The contents of a spool, read again. Owns no handle. */
export class SpooledContents implements ContentStore {
  readonly #file: FileHandle;
  readonly #pool = new BufferPool(CHUNK_BYTES, MAX_FREE_BUFFERS);
  /** What was read for small files, the latest last; each of them is a user of its buffer. */
  readonly #recent = new Map<Window, LoadedWindow>();
  #last: Window | undefined;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** The content of a member, in chunks that are the reader's to keep or to recycle. */
  body({ header, offset, window }: SpooledMember): AsyncIterable<Uint8Array> {
    const { sizeBytes } = header;
    if (sizeBytes === 0) return emptyBody;
    if (window === undefined) return this.#large(offset, sizeBytes);
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

  #window(wanted: Window): LoadedWindow {
    if (wanted !== this.#last) {
      this.#last = wanted;
      if (wanted.next !== undefined) this.#load(wanted.next);
    }
    return this.#load(wanted);
  }

  /** The latest last. */
  #load(window: Window): LoadedWindow {
    const recent = this.#recent;
    const loaded = recent.get(window) ?? this.#begin(window.start, window.sizeBytes);
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

  /** A large file in chunks, each read while the one before is worked on. */
  async *#large(start: number, sizeBytes: number): AsyncGenerator<Uint8Array> {
    const end = start + sizeBytes;
    const begin = (at: number) => (at < end ? this.#begin(at, Math.min(CHUNK_BYTES, end - at)) : undefined);
    let next = begin(start);
    for (let at = start; next !== undefined; at += CHUNK_BYTES) {
      const { buffer, ready } = next;
      await ready;
      next = begin(at + CHUNK_BYTES);
      yield buffer.subarray(0, Math.min(CHUNK_BYTES, end - at));
    }
  }

  #begin(at: number, length: number): LoadedWindow {
    const buffer = this.#pool.take();
    const ready = this.read(at, buffer.subarray(0, length));
    // Its failure is seen by whoever waits for it.
    ready.catch(() => {});
    return { buffer, ready };
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const { bytesRead } = await this.#file.read(into, done, into.length - done, offset + done);
      if (bytesRead === 0)
        throw new Error(`bug: the spool ends at ${offset + done}, before ${offset + into.length}`);
      done += bytesRead;
    }
  }
}
