import { join } from 'node:path';
import { OrlopError } from '@orlop/core';
import { type BlobDraft, BlobFiles } from './blob-files.ts';
import { verified } from './digest.ts';
import { MAX_DOCUMENT_BYTES, parseConfig, parseIndex, parseManifest } from './documents.ts';
import { byName, fullName, named, nameOf, repositoryOf, unnamed } from './entry-names.ts';
import { ociError } from './errors.ts';
import { FileLock, type FileLockOptions } from './file-lock.ts';
import { createLayout, readLayoutIndex, writeLayoutIndex } from './layout.ts';
import { Leases } from './leases.ts';
import { isIndexType, isManifestType } from './media-types.ts';
import { formatReference, parseReference, type Reference, withDefaultTag } from './reference.ts';
import type { Descriptor, Digest, ImageConfig, ImageIndex, ImageManifest } from './types.ts';

export interface ImageStoreOptions {
  /** How long to wait for another process that changes the list of images. @default 60_000 */
  readonly lockTimeoutMs?: number;
}

/** An image by its name. */
export interface StoredImage {
  /** Expanded, e.g. `docker.io/library/redis:8`. */
  readonly name: string;
  /** Of the index or manifest, without the annotations that name it. */
  readonly descriptor: Descriptor;
}

export interface WriteBlobOptions {
  readonly mediaType: string;
  /** The content must have this digest and size. */
  readonly expected?: { readonly digest: Digest; readonly size: number };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** For so long the part of a download that was broken off waits for the next one. */
const KEEP_DOWNLOADS_MS = 7 * 86_400_000;

/** What a sweep did. */
export interface SweepResult {
  readonly removedBlobs: number;
  readonly freedBytes: number;
  /** That no image needs, but another process. */
  readonly sparedBlobs: number;
}

/**
 * The local store of images: an OCI image layout (image-spec, image-layout.md) that other tools read as it is.
 * Several processes may use it at once, and any may die at any time: blobs appear whole or not at all, and the
 * list of images changes under a lock, by a rename. (Longer than other files: names, sweeps and what is kept from them
 * share that lock.)
 */
export class ImageStore {
  readonly folder: string;
  readonly #blobs: BlobFiles;
  readonly #leases: Leases;
  /** For what is read. */
  readonly #reading: Leases;
  readonly #lock: FileLock;
  readonly #lockOptions: FileLockOptions;

  /** Creates the folder and its layout when they are missing. */
  static async open(folder: string, options: ImageStoreOptions = {}): Promise<ImageStore> {
    await createLayout(folder);
    const store = new ImageStore(folder, options);
    await store.#blobs.create().catch((cause) => {
      throw ociError('oci.store-unusable', `${folder} cannot hold images`, { cause });
    });
    return store;
  }

  private constructor(folder: string, options: ImageStoreOptions) {
    this.folder = folder;
    this.#blobs = new BlobFiles(folder);
    this.#leases = new Leases(folder);
    this.#reading = new Leases(folder);
    this.#lock = new FileLock(join(folder, 'index.lock'));
    this.#lockOptions = { timeoutMs: options.lockTimeoutMs ?? 60_000 };
  }

  /**
   * Stores a stream's content under its digest.
   *
   * @throws OrlopError oci.digest-mismatch or oci.size-mismatch, with nothing stored
   */
  async writeBlob(source: AsyncIterable<Uint8Array>, options: WriteBlobOptions): Promise<Descriptor> {
    await this.#begin();
    const draft = await this.#blobs.begin();
    try {
      for await (const chunk of source) {
        options.signal?.throwIfAborted();
        await draft.write(chunk);
      }
    } catch (error) {
      await draft.discard();
      throw error;
    }
    const written = await draft.commit(options.expected);
    return {
      mediaType: options.mediaType,
      ...written,
      ...(options.annotations !== undefined && { annotations: options.annotations }),
    };
  }

  /** Takes up a download of a blob, where there is a part of it already. The caller ends the draft. */
  async beginDownload(descriptor: Descriptor): Promise<BlobDraft> {
    await this.#begin();
    return this.#blobs.begin(descriptor.digest);
  }

  /**
   * A blob's content. The stream ends with an error when it is not what the descriptor says, so it must be read
   * to the end before it is believed.
   *
   * @throws OrlopError oci.blob-not-found, oci.digest-mismatch, oci.size-mismatch
   */
  readBlob(
    descriptor: Descriptor,
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<Uint8Array> {
    const { digest, size } = descriptor;
    return verified(this.#blobs.read(digest, options.signal), {
      digest,
      size,
      subject: `the blob ${digest}`,
    });
  }

  /** Where the file of a blob is, or would be. It may be read but not changed. */
  blobPath(digest: Digest): string {
    return this.#blobs.path(digest);
  }

  /** Whether a blob of that digest and size is there. It then stays until this process names an image. */
  async hasBlob(descriptor: Pick<Descriptor, 'digest' | 'size'>): Promise<boolean> {
    if ((await this.#blobs.size(descriptor.digest)) !== descriptor.size) return false;
    await this.#begin();
    await this.#blobs.touch(descriptor.digest);
    return (await this.#blobs.size(descriptor.digest)) === descriptor.size;
  }

  /** @throws OrlopError oci.blob-not-found */
  async blobSize(digest: Digest): Promise<number> {
    const size = await this.#blobs.size(digest);
    if (size === undefined) throw ociError('oci.blob-not-found', `the store has no blob ${digest}`);
    return size;
  }

  async readManifest(descriptor: Descriptor): Promise<ImageManifest> {
    return parseManifest(await this.readDocument(descriptor), `the manifest ${descriptor.digest}`);
  }

  async readIndex(descriptor: Descriptor): Promise<ImageIndex> {
    return parseIndex(await this.readDocument(descriptor), `the index ${descriptor.digest}`);
  }

  async readConfig(descriptor: Descriptor): Promise<ImageConfig> {
    return parseConfig(await this.readDocument(descriptor), `the configuration ${descriptor.digest}`);
  }

  /**
   * The verified bytes of a small blob.
   *
   * @throws OrlopError oci.bad-document for one of more than `maxBytes`
   */
  async readDocument(descriptor: Descriptor, maxBytes = MAX_DOCUMENT_BYTES): Promise<Uint8Array> {
    if (descriptor.size > maxBytes)
      throw ociError(
        'oci.bad-document',
        `${descriptor.digest} has ${descriptor.size} bytes; a ${descriptor.mediaType} has ${maxBytes} at the most`,
      );
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.readBlob(descriptor)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /**
   * Gives an image a name, taking the name from any other.
   *
   * @throws OrlopError oci.blob-not-found when the image is not wholly in the store
   */
  async tag(reference: string | Reference, descriptor: Descriptor): Promise<void> {
    const name = fullName(reference);
    await this.#lock.hold(async () => {
      await this.#checkWhole(descriptor);
      const others = (await readLayoutIndex(this.folder)).filter((entry) => nameOf(entry) !== name);
      await writeLayoutIndex(this.folder, [...others, named(descriptor, name)].sort(byName));
      await this.#leases.release();
    }, this.#lockOptions);
  }

  /** Takes a name away; the blobs stay. Returns whether there was such a name. */
  async untag(reference: string | Reference): Promise<boolean> {
    const name = fullName(reference);
    return this.#lock.hold(async () => {
      const all = await readLayoutIndex(this.folder);
      const others = all.filter((entry) => nameOf(entry) !== name);
      if (others.length === all.length) return false;
      await writeLayoutIndex(this.folder, others);
      return true;
    }, this.#lockOptions);
  }

  /** The images that have names, in the order of their names. */
  async list(): Promise<readonly StoredImage[]> {
    const images: StoredImage[] = [];
    for (const entry of await readLayoutIndex(this.folder)) {
      const name = nameOf(entry);
      if (name !== undefined) images.push({ name, descriptor: unnamed(entry) });
    }
    return images.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  /**
   * The index or manifest of that name. A digest in the reference decides alone: it finds an image, or a
   * manifest inside a stored index, of the same repository.
   */
  async find(reference: string | Reference): Promise<Descriptor | undefined> {
    const wanted = typeof reference === 'string' ? parseReference(reference) : reference;
    const images = await this.list();
    if (wanted.digest === undefined) {
      const name = formatReference(withDefaultTag(wanted));
      return images.find((image) => image.name === name)?.descriptor;
    }
    const repository = `${wanted.domain}/${wanted.repository}`;
    for (const { name, descriptor } of images) {
      if (repositoryOf(name) !== repository) continue;
      if (descriptor.digest === wanted.digest) return descriptor;
      if (!isIndexType(descriptor.mediaType)) continue;
      const inside = (await this.readIndex(descriptor)).manifests.find((m) => m.digest === wanted.digest);
      if (inside !== undefined && (await this.hasBlob(inside))) return inside;
    }
    return undefined;
  }

  /**
   * Removes blobs that no image needs: all such, or those of `images` only. What another process is about to
   * use stays.
   */
  async sweep(images?: readonly Descriptor[]): Promise<SweepResult> {
    return this.#lock.hold(async () => {
      const kept = new Set<Digest>();
      for (const entry of await readLayoutIndex(this.folder)) await this.#collect(entry, kept);
      const candidates = new Set<Digest>();
      if (images === undefined) for await (const digest of this.#blobs.list()) candidates.add(digest);
      else for (const image of images) await this.#collect(image, candidates);
      const spareFromMs = await this.#leases.oldestForeignMs();
      let removedBlobs = 0;
      let sparedBlobs = 0;
      let freedBytes = images === undefined ? await this.#blobs.removeLeftovers() : 0;
      for (const digest of candidates) {
        const size = kept.has(digest) ? undefined : await this.#blobs.size(digest);
        if (size === undefined) continue;
        if ((await this.#blobs.usedAtMs(digest)) >= spareFromMs) {
          sparedBlobs++;
          continue;
        }
        await this.#blobs.remove(digest);
        removedBlobs++;
        freedBytes += size;
      }
      return { removedBlobs, freedBytes, sparedBlobs };
    }, this.#lockOptions);
  }

  /**
   * Keeps an image, and what it is found by, from all sweeps until {@link release}, whoever takes its names away.
   *
   * @param source of the index that the image is in, or its own
   * @throws OrlopError oci.blob-not-found when the image is not wholly in the store
   */
  async keep(image: Descriptor, source: Descriptor = image): Promise<void> {
    try {
      // Under the lock: a sweep that has begun is over, and the next one sees the lease.
      await this.#lock.hold(async () => {
        await this.#reading.take();
        for (const digest of await this.reachable(source)) await this.#blobs.touch(digest);
      }, this.#lockOptions);
    } catch (error) {
      // A store that cannot be written, of another user or on a read-only disk, is read as it is.
      if (!(error instanceof OrlopError) || error.code !== 'oci.store-unusable') throw error;
    }
    await this.#checkWhole(image);
  }

  /** Lets go of what was kept. */
  async release(): Promise<void> {
    await this.#reading.release();
  }

  /** The digests of everything that an image is made of, as far as it is in the store. */
  async reachable(descriptor: Descriptor): Promise<ReadonlySet<Digest>> {
    const found = new Set<Digest>();
    await this.#collect(descriptor, found);
    return found;
  }

  /** Before a blob is counted on. Once for each image, what processes left that were killed is removed. */
  async #begin(): Promise<void> {
    const isNew = !this.#leases.isHeld;
    await this.#leases.take();
    if (!isNew) return;
    await this.#leases.oldestForeignMs();
    await this.#blobs.removeLeftovers({ downloadsBeforeMs: Date.now() - KEEP_DOWNLOADS_MS });
  }

  async #collect(descriptor: Descriptor, into: Set<Digest>): Promise<void> {
    if (into.has(descriptor.digest) || (await this.#blobs.size(descriptor.digest)) === undefined) return;
    into.add(descriptor.digest);
    for (const child of await this.#children(descriptor)) {
      if (isIndexType(child.mediaType) || isManifestType(child.mediaType)) await this.#collect(child, into);
      else into.add(child.digest);
    }
  }

  async #children(descriptor: Descriptor): Promise<readonly Descriptor[]> {
    if (isIndexType(descriptor.mediaType)) return (await this.readIndex(descriptor)).manifests;
    if (!isManifestType(descriptor.mediaType)) return [];
    const manifest = await this.readManifest(descriptor);
    return [manifest.config, ...manifest.layers];
  }

  /** An index may lack platforms that nobody asked for; a manifest may lack nothing. */
  async #checkWhole(descriptor: Descriptor, seen = new Set<Digest>()): Promise<void> {
    if (seen.has(descriptor.digest)) return;
    seen.add(descriptor.digest);
    if (!(await this.#has(descriptor)))
      throw ociError(
        'oci.blob-not-found',
        `the store has no blob ${descriptor.digest} of ${descriptor.size} bytes`,
      );
    const inIndex = isIndexType(descriptor.mediaType);
    for (const child of await this.#children(descriptor)) {
      if (await this.#has(child)) {
        if (inIndex) await this.#checkWhole(child, seen);
      } else if (!inIndex) {
        throw ociError(
          'oci.blob-not-found',
          `the image ${descriptor.digest} needs the blob ${child.digest}, which is not in the store`,
        );
      }
    }
  }

  async #has(descriptor: Descriptor): Promise<boolean> {
    return (await this.#blobs.size(descriptor.digest)) === descriptor.size;
  }
}
