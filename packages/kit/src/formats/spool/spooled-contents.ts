import type { FileHandle } from 'node:fs/promises';
import { type EntryHeader, emptyBody } from '@orlop/archive';
import type { ContentStore } from '@orlop/disk';
import type { Window } from './windows.ts';

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
/** As large as the pieces that the writers of disks ask for. */
const CHUNK_BYTES = 1 << 20;

/** The contents of a spool, read again. Owns no handle. */
export class SpooledContents implements ContentStore {
  readonly #file: FileHandle;
  /** What was read for small files, the latest last. */
  readonly #recent = new Map<Window, Promise<Uint8Array>>();
  #last: Window | undefined;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** The content of a member, in chunks that are the reader's to keep. */
  body({ header, offset, window }: SpooledMember): AsyncIterable<Uint8Array> {
    const { sizeBytes } = header;
    if (sizeBytes === 0) return emptyBody;
    if (window === undefined) return readAhead((at, length) => this.#read(at, length), offset, sizeBytes);
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
    const bytes = await this.#window(window);
    return bytes.subarray(offset - window.start, offset - window.start + sizeBytes);
  }

  #window(window: Window): Promise<Uint8Array> {
    const recent = this.#recent;
    if (window === this.#last) return recent.get(window) ?? this.#read(window.start, window.sizeBytes);
    const begin = (wanted: Window) => {
      const bytes = recent.get(wanted) ?? this.#read(wanted.start, wanted.sizeBytes);
      // Its failure is seen by whoever waits for it.
      bytes.catch(() => {});
      // The latest last.
      recent.delete(wanted);
      recent.set(wanted, bytes);
      return bytes;
    };
    const { next } = window;
    if (next !== undefined) begin(next);
    const bytes = begin(window);
    this.#last = window;
    for (const old of recent.keys()) {
      if (recent.size <= MAX_WINDOWS) break;
      recent.delete(old);
    }
    return bytes;
  }

  async #read(at: number, length: number): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafeSlow(length);
    await this.read(at, buffer);
    return buffer;
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

/** A large file in chunks, each read while the one before is worked on. */
async function* readAhead(
  read: (at: number, length: number) => Promise<Uint8Array>,
  start: number,
  sizeBytes: number,
): AsyncGenerator<Uint8Array> {
  const end = start + sizeBytes;
  const begin = (at: number) => {
    if (at >= end) return undefined;
    const chunk = read(at, Math.min(CHUNK_BYTES, end - at));
    // Its failure is seen when its turn comes.
    chunk.catch(() => {});
    return chunk;
  };
  let next = begin(start);
  for (let at = start + CHUNK_BYTES; next !== undefined; at += CHUNK_BYTES) {
    const chunk = await next;
    next = begin(at);
    yield chunk;
  }
}
