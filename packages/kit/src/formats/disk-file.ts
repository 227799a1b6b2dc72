import type { FileHandle } from 'node:fs/promises';
import { type BlockSink, type BlockSource, type Extent, ExtentMap } from '@orlop/disk';

/**
 * A disk in a file: what a writer of `@orlop/disk` writes to, and what a container format is made from. Holes
 * stay holes. Owns no handle; whoever opened it closes it.
 */
export class DiskFile implements BlockSink, BlockSource {
  readonly #file: FileHandle;
  readonly #written = new ExtentMap();
  readonly #signal: AbortSignal;
  #sizeBytes = 0;

  /** @param sizeBytes of a disk that the file holds already */
  constructor(file: FileHandle, signal: AbortSignal, sizeBytes = 0) {
    this.#file = file;
    this.#signal = signal;
    this.#sizeBytes = sizeBytes;
    this.#written.add(0, sizeBytes);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get extents(): readonly Extent[] {
    return this.#written.toArray();
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.#signal.throwIfAborted();
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, offset + done);
      done += bytesWritten;
    }
    this.#written.add(offset, bytes.length);
    this.#sizeBytes = Math.max(this.#sizeBytes, offset + bytes.length);
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#file.truncate(sizeBytes);
    this.#written.cut(sizeBytes);
    this.#sizeBytes = sizeBytes;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    this.#signal.throwIfAborted();
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await this.#file.read(into, done, into.length - done, offset + done);
      if (bytesRead === 0) {
        into.fill(0, done);
        return;
      }
      done += bytesRead;
    }
  }
}
