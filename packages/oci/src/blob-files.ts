import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Digester, parseDigest } from './digest.ts';
import { ociError } from './errors.ts';
import { isRunning, ownIdentity, ownMark } from './process-identity.ts';
import type { Digest } from './types.ts';

const READ_CHUNK_BYTES = 256 * 1024;
/** In the name of a draft whose digest is not known yet. */
const NEW = 'new';
const ALGORITHMS = ['sha256', 'sha512'] as const;

/** Content on its way into the store. Exactly one of `commit` and `discard` (or `suspend`) ends it. */
export interface BlobDraft {
  /** Bytes that an earlier, interrupted download left here. */
  readonly resumedBytes: number;
  write(chunk: Uint8Array): Promise<void>;
  /** Forgets what there is, and starts at the first byte again. */
  restart(): Promise<void>;
  /** Makes the content a blob, durably. With `expected`, only if it is that. */
  commit(expected?: { digest: Digest; size: number }): Promise<{ digest: Digest; size: number }>;
  discard(): Promise<void>;
  /** Keeps what there is, for a later download of the same blob. */
  suspend(): Promise<void>;
}

/**
 * The files of a store: `blobs/ALGORITHM/HEX`, and `tmp/` for those that are not whole.
 *
 * Invariant: a file under `blobs/` has the content that its name says, since it gets that name by a rename
 * after its digest was computed and its bytes were synced. Files under `tmp/` carry their owner's identity.
 */
export class BlobFiles {
  readonly #folder: string;
  readonly #temporary: string;
  readonly #mark = ownMark();
  #drafts = 0;

  constructor(folder: string) {
    this.#folder = join(folder, 'blobs');
    this.#temporary = join(folder, 'tmp');
  }

  async create(): Promise<void> {
    for (const algorithm of ALGORITHMS)
      await mkdir(join(this.#folder, algorithm), { recursive: true, mode: 0o700 });
    await mkdir(this.#temporary, { recursive: true, mode: 0o700 });
  }

  path(digest: Digest): string {
    const { algorithm, hex } = parseDigest(digest);
    return join(this.#folder, algorithm, hex);
  }

  /** The size of a blob that is there. */
  async size(digest: Digest): Promise<number | undefined> {
    return (await stat(this.path(digest)).catch(() => undefined))?.size;
  }

  /** Marks a blob as in use now, so that a sweep that runs at the same time spares it. */
  async touch(digest: Digest): Promise<void> {
    const now = new Date();
    await utimes(this.path(digest), now, now).catch(() => {});
  }

  /** @throws OrlopError oci.blob-not-found */
  async *read(digest: Digest, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const stream = createReadStream(this.path(digest), {
      highWaterMark: READ_CHUNK_BYTES,
      ...(signal !== undefined && { signal }),
    });
    try {
      for await (const chunk of stream) yield chunk as Uint8Array;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
        throw ociError('oci.blob-not-found', `the store has no blob ${digest}`, {
          hint: 'pull the image again',
        });
      if (signal?.aborted) throw signal.reason;
      throw ociError('oci.store-unusable', `the blob ${digest} cannot be read`, { cause });
    } finally {
      stream.destroy();
    }
  }

  /** With `resume`, content of an interrupted download of that blob is taken up again. */
  async begin(resume?: Digest): Promise<BlobDraft> {
    const label = resume === undefined ? NEW : parseDigest(resume).hex;
    const path = join(this.#temporary, `${label}.${await ownIdentity()}.${this.#mark}-${this.#drafts++}`);
    if (resume !== undefined) await this.#claim(label, path);
    const file = await usable(open(path, 'a+', 0o600), path);
    return FileDraft.open(file, {
      path,
      files: this,
      algorithm: resume?.startsWith('sha512:') ? 'sha512' : 'sha256',
    });
  }

  /** Every blob that is there. */
  async *list(): AsyncGenerator<Digest> {
    for (const algorithm of ALGORITHMS) {
      for (const hex of await readdir(join(this.#folder, algorithm)).catch(() => []))
        yield `${algorithm}:${hex}`;
    }
  }

  /** When a blob was written or last asked for. */
  async usedAtMs(digest: Digest): Promise<number> {
    return (await stat(this.path(digest)).catch(() => undefined))?.mtimeMs ?? 0;
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.path(digest), { force: true });
  }

  /**
   * Removes drafts whose owner is gone; of downloads, which the next of the same blob takes up, those that were broken
   * off before a time. Returns the bytes that were freed.
   *
   * @param options.downloadsBeforeMs @default all
   */
  async removeLeftovers({ downloadsBeforeMs = Number.POSITIVE_INFINITY } = {}): Promise<number> {
    let freed = 0;
    for (const name of await readdir(this.#temporary).catch(() => [])) {
      const [label, owner = ''] = name.split('.');
      if (await isRunning(owner)) continue;
      const path = join(this.#temporary, name);
      const found = await stat(path).catch(() => undefined);
      if (found === undefined || (label !== NEW && found.mtimeMs >= downloadsBeforeMs)) continue;
      await unlink(path).catch(() => {});
      freed += found.size;
    }
    return freed;
  }

  /** A rename is the claim: of two processes only one succeeds. */
  async #claim(hex: string, path: string): Promise<void> {
    for (const name of await readdir(this.#temporary)) {
      const [label, owner = ''] = name.split('.');
      if (label !== hex || (await isRunning(owner))) continue;
      try {
        await rename(join(this.#temporary, name), path);
        return;
      } catch {}
    }
  }
}

class FileDraft implements BlobDraft {
  readonly resumedBytes: number;
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #files: BlobFiles;
  readonly #algorithm: 'sha256' | 'sha512';
  #digester: Digester;

  static async open(
    file: FileHandle,
    { path, files, algorithm }: { path: string; files: BlobFiles; algorithm: 'sha256' | 'sha512' },
  ): Promise<FileDraft> {
    const digester = new Digester(algorithm);
    const buffer = new Uint8Array(READ_CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, digester.size);
      if (bytesRead === 0) break;
      digester.update(buffer.subarray(0, bytesRead));
    }
    return new FileDraft(file, { path, files, algorithm, digester });
  }

  private constructor(
    file: FileHandle,
    {
      path,
      files,
      algorithm,
      digester,
    }: { path: string; files: BlobFiles; algorithm: 'sha256' | 'sha512'; digester: Digester },
  ) {
    this.#file = file;
    this.#path = path;
    this.#files = files;
    this.#algorithm = algorithm;
    this.#digester = digester;
    this.resumedBytes = digester.size;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#digester.update(chunk);
    let written = 0;
    while (written < chunk.length) {
      const writing = this.#file.write(chunk, written, chunk.length - written);
      written += (await usable(writing, this.#path)).bytesWritten;
    }
  }

  async restart(): Promise<void> {
    await this.#file.truncate(0);
    this.#digester = new Digester(this.#algorithm);
  }

  async commit(expected?: { digest: Digest; size: number }): Promise<{ digest: Digest; size: number }> {
    const actual = { size: this.#digester.size, digest: this.#digester.finish() };
    if (expected !== undefined && (expected.digest !== actual.digest || expected.size !== actual.size)) {
      await this.discard();
      if (expected.size !== actual.size)
        throw ociError(
          'oci.size-mismatch',
          `the content for ${expected.digest} has ${actual.size} bytes, not ${expected.size}`,
        );
      throw ociError(
        'oci.digest-mismatch',
        `the content for ${expected.digest} has the digest ${actual.digest}`,
      );
    }
    try {
      await usable(this.#file.sync(), this.#path);
      await this.#file.close();
      await usable(rename(this.#path, this.#files.path(actual.digest)), this.#path);
      return actual;
    } catch (error) {
      await this.discard();
      throw error;
    }
  }

  async discard(): Promise<void> {
    await this.#file.close();
    await unlink(this.#path).catch(() => {});
  }

  async suspend(): Promise<void> {
    await this.#file.close();
    // Without an owner: the next download of the blob takes it.
    const parts = this.#path.split('.');
    parts[parts.length - 2] = 'suspended';
    await rename(this.#path, parts.join('.')).catch(() => {});
  }
}

/** A full or read-only disk is a failure in operation, not a bug. */
async function usable<T>(work: Promise<T>, path: string): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw ociError('oci.store-unusable', `${path} cannot be written (${code})`, { cause });
  }
}
