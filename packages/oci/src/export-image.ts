import { bytesBody, type EntryHeader, type EntryStream, writeTar } from '@orlop/archive';
import { encodeDocument } from './documents.ts';
import { imageNotFound, ociError } from './errors.ts';
import { flattenImage } from './flatten.ts';
import { openImage, selectManifest } from './image.ts';
import { ANNOTATION, MEDIA } from './media-types.ts';
import { expandReference, familiarReference, parseReference } from './reference.ts';
import type { ImageStore } from './store.ts';
import type { Descriptor, Platform } from './types.ts';

/** An image layout, what `docker load` reads (and is an image layout too), or the flattened file system. */
export type ExportFormat = 'oci' | 'docker' | 'filesystem';

export interface ExportOptions {
  readonly reference: string;
  readonly format: ExportFormat;
  /** Needed by `docker` and `filesystem`, which hold one platform. @default all that the store has */
  readonly platform?: Platform;
  /** What the archive calls the image. @default the reference */
  readonly name?: string;
  readonly signal?: AbortSignal;
}

/**
 * An image of the store as a tar archive, the same bytes for the same image. `oci` and `docker` can be imported
 * again without loss.
 *
 * @throws OrlopError oci.image-not-found, oci.platform-not-found
 */
export async function* exportImage(store: ImageStore, options: ExportOptions): AsyncGenerator<Uint8Array> {
  try {
    yield* archive(store, options);
  } finally {
    await store.release();
  }
}

async function* archive(store: ImageStore, options: ExportOptions): AsyncGenerator<Uint8Array> {
  const { reference, format, platform, signal } = options;
  if (format === 'oci') {
    const descriptor = await store.find(reference);
    if (descriptor === undefined) throw imageNotFound(reference);
    const chosen =
      platform === undefined
        ? descriptor
        : await manifestFor(store, { name: reference, descriptor, platform });
    await store.keep(chosen);
    yield* writeTar(layoutEntries(store, { descriptor: chosen, name: nameFor(options), signal }));
    return;
  }
  if (platform === undefined)
    throw ociError('oci.platform-not-found', `an export as ${format} is of one platform; none is given`);
  const image = await openImage(store, reference, platform);
  await store.keep(image.descriptor);
  if (format === 'filesystem') {
    yield* writeTar(flattenImage(store, image, signal === undefined ? {} : { signal }));
    return;
  }
  const blobFile = ({ digest }: Descriptor) => `blobs/${digest.replace(':', '/')}`;
  const dockerManifest = [
    {
      Config: blobFile(image.manifest.config),
      RepoTags: [familiarReference(parseReference(nameFor(options)))],
      Layers: image.manifest.layers.map(blobFile),
    },
  ];
  yield* writeTar(
    layoutEntries(store, { descriptor: image.descriptor, name: nameFor(options), dockerManifest, signal }),
  );
}

/** What says of itself for which platform it is has to be for that one; an artifact does not say. */
async function manifestFor(
  store: ImageStore,
  image: { readonly name: string; readonly descriptor: Descriptor; readonly platform: Platform },
): Promise<Descriptor> {
  const chosen = await selectManifest(store, image);
  const { config } = await store.readManifest(chosen);
  if (config.mediaType === MEDIA.config || config.mediaType === MEDIA.dockerConfig)
    await openImage(store, image.name, image.platform);
  return chosen;
}

async function* layoutEntries(
  store: ImageStore,
  {
    descriptor,
    name,
    dockerManifest,
    signal,
  }: {
    descriptor: Descriptor;
    name: string;
    dockerManifest?: unknown;
    signal: AbortSignal | undefined;
  },
): EntryStream {
  yield file('oci-layout', { imageLayoutVersion: '1.0.0' });
  const annotations = {
    ...descriptor.annotations,
    [ANNOTATION.imageName]: name,
    [ANNOTATION.refName]: name,
  };
  yield file('index.json', {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests: [{ ...descriptor, annotations }],
  });
  if (dockerManifest !== undefined) yield file('manifest.json', dockerManifest);
  const blobs = await store.reachable(descriptor);
  for (const digest of [...blobs].sort()) {
    const size = await store.blobSize(digest);
    const blob = { mediaType: 'application/octet-stream', digest, size };
    yield {
      header: header(`blobs/${digest.replace(':', '/')}`, size),
      body: store.readBlob(blob, signal === undefined ? {} : { signal }),
    };
  }
}

function file(name: string, document: unknown) {
  const bytes = encodeDocument(document);
  return { header: header(name, bytes.length), body: bytesBody(bytes) };
}

function header(name: string, sizeBytes: number): EntryHeader {
  return { name, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0, sizeBytes };
}

function nameFor({ name, reference }: ExportOptions): string {
  return expandReference(name ?? reference);
}
