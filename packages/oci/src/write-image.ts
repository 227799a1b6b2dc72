import { type EntryStream, writeTar } from '@orlop/archive';
import { Digester } from './digest.ts';
import { encodeDocument } from './documents.ts';
import { zstdByHost } from './host-zstd.ts';
import { type Compression, MEDIA } from './media-types.ts';
import { gzipParallel } from './parallel-gzip.ts';
import type { ImageStore } from './store.ts';
import type { Descriptor, Digest, ImageConfig, ImageIndex, ImageManifest, Platform } from './types.ts';

/** An image to write. The platform and the layers' digests are filled in. */
export interface NewImage {
  readonly platform: Platform;
  readonly config: Omit<ImageConfig, 'architecture' | 'os' | 'variant' | 'rootfs'>;
  /** Lowest first. */
  readonly layers: readonly EntryStream[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** `zstd` needs the program of that name on the host. @default 'gzip' */
  readonly compression?: Compression;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes an image into the store, without a name. The same input gives the same digest.
 *
 * @returns the manifest's descriptor, with its platform
 */
export async function writeImage(store: ImageStore, image: NewImage): Promise<Descriptor> {
  const { platform, annotations, compression = 'gzip', signal } = image;
  const layers: Descriptor[] = [];
  const diffIds: Digest[] = [];
  for (const entries of image.layers) {
    const layer = await writeLayer(store, entries, { compression, signal });
    layers.push(layer.descriptor);
    diffIds.push(layer.diffId);
  }
  const { created, author, config: runtime, history } = image.config;
  const config: ImageConfig = {
    ...(created !== undefined && { created }),
    ...(author !== undefined && { author }),
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant !== undefined && { variant: platform.variant }),
    ...(runtime !== undefined && { config: runtime }),
    rootfs: { type: 'layers', diff_ids: diffIds },
    ...(history !== undefined && { history }),
  };
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: await writeDocument(store, config, MEDIA.config),
    layers,
    ...(annotations !== undefined && { annotations }),
  };
  return { ...(await writeDocument(store, manifest, MEDIA.manifest)), platform };
}

/** Writes the index that joins an image's platforms. */
export async function writeIndex(
  store: ImageStore,
  manifests: readonly Descriptor[],
  annotations?: Readonly<Record<string, string>>,
): Promise<Descriptor> {
  const index: ImageIndex = {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests,
    ...(annotations !== undefined && { annotations }),
  };
  return writeDocument(store, index, MEDIA.index);
}

/** Writes one layer: its descriptor, and the digest of the uncompressed tar archive. */
async function writeLayer(
  store: ImageStore,
  entries: EntryStream,
  { compression, signal }: { compression: Compression; signal?: AbortSignal | undefined },
): Promise<{ descriptor: Descriptor; diffId: Digest }> {
  const uncompressed = new Digester();
  async function* tar(): AsyncGenerator<Uint8Array> {
    for await (const chunk of writeTar(entries)) {
      uncompressed.update(chunk);
      yield chunk;
    }
  }
  const descriptor = await store.writeBlob(compress(tar(), compression), {
    mediaType: layerMediaType(compression),
    signal,
  });
  return { descriptor, diffId: uncompressed.finish() };
}

/** Stores a JSON document as a blob. */
export async function writeDocument(
  store: ImageStore,
  document: unknown,
  mediaType: string,
): Promise<Descriptor> {
  return store.writeBlob(once(encodeDocument(document)), { mediaType });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function compress(source: AsyncIterable<Uint8Array>, compression: Compression): AsyncIterable<Uint8Array> {
  switch (compression) {
    case 'none':
      return source;
    case 'gzip':
      return gzipParallel(source);
    case 'zstd':
      return zstdByHost(source);
  }
}

function layerMediaType(compression: Compression): string {
  switch (compression) {
    case 'none':
      return MEDIA.layer;
    case 'gzip':
      return MEDIA.layerGzip;
    case 'zstd':
      return MEDIA.layerZstd;
  }
}
