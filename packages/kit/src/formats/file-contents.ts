import type { FileHandle } from 'node:fs/promises';
import { BufferPool } from '@orlop/archive';
import type { ContentStore } from '@orlop/disk';

/** What a file is read in. */
export const CHUNK_BYTES = 512 * 1024;
/** As many as a writer to a file has in hand, and one that is read ahead. */
const MAX_FREE_BUFFERS = 8;

/** A part of a file that is being read. */
export interface Reading {
  /** Of a pool; has one user. */
  readonly buffer: Uint8Array;
  /** When the buffer's beginning is filled. */
  readonly ready: Promise<void>;
}

/** The bytes of an open file. Owns no handle. */
export class FileContents implements ContentStore {
  readonly #file: FileHandle;
  readonly #pool = new BufferPool(CHUNK_BYTES, MAX_FREE_BUFFERS);

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const { bytesRead } = await this.#file.read(into, done, into.length - done, offset + done);
      if (bytesRead === 0)
        throw new Error(`bug: the file ends at ${offset + done}, before ${offset + into.length}`);
      done += bytesRead;
    }
  }

  /** @param length at most {@link CHUNK_BYTES} */
  begin(offset: number, length: number): Reading {
    const buffer = this.#pool.take();
    const ready = this.read(offset, buffer.subarray(0, length));
    // Its failure is seen by whoever waits for it.
    ready.catch(() => {});
    return { buffer, ready };
  }

  /** A large part in chunks that are the reader's to keep or to recycle, each read while the one before is worked on. */
  async *chunks(offset: number, sizeBytes: number): AsyncGenerator<Uint8Array> {
    const end = offset + sizeBytes;
    const begin = (at: number) => (at < end ? this.begin(at, Math.min(CHUNK_BYTES, end - at)) : undefined);
    let next = begin(offset);
    for (let at = offset; next !== undefined; at += CHUNK_BYTES) {
      const { buffer, ready } = next;
      await ready;
      next = begin(at + CHUNK_BYTES);
      yield buffer.subarray(0, Math.min(CHUNK_BYTES, end - at));
    }
  }
}
