import {
  type ArchiveFile,
  type ArchiveFiles,
  type FoundImage,
  readArchiveFile,
  takeFiles,
} from './archive-files.ts';
import { imagesOfDockerSave, tagsByConfig } from './docker-save.ts';
import { parseIndex } from './documents.ts';
import { ociError } from './errors.ts';
import { ANNOTATION, isIndexType, isManifestType } from './media-types.ts';
import { expandReference } from './reference.ts';
import type { ImageStore, StoredImage } from './store.ts';
import type { Descriptor, Digest } from './types.ts';
import { writeIndex } from './write-image.ts';

export interface ImportOptions {
  /** What to call the image, whatever the archive says; for archives of one image. */
  readonly name?: string;
  readonly signal?: AbortSignal;
}

/**
 * Brings the images of an archive into the store: an OCI image layout as a tar archive, or what `docker save`
 * writes, of any version since 1.10; compressed or not. Either naming annotation counts.
 *
 * @throws OrlopError oci.bad-archive, oci.digest-mismatch, archive.*
 */
export async function importArchive(
  store: ImageStore,
  source: AsyncIterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<readonly StoredImage[]> {
  const files = new Map<string, ArchiveFile>();
  try {
    await takeFiles(store, source, { files, signal: options.signal });
    const found = files.has('index.json')
      ? await imagesOfLayout(store, files)
      : files.has('manifest.json')
        ? await imagesOfDockerSave(store, files)
        : noImages(files);
    return await nameImages(store, found, options);
  } finally {
    const extras = [...files.values()].map((file) => ({ ...file, mediaType: 'application/octet-stream' }));
    await store.sweep(extras);
  }
}

async function imagesOfLayout(store: ImageStore, files: ArchiveFiles): Promise<readonly FoundImage[]> {
  const { manifests } = parseIndex(
    await readArchiveFile(store, { files, name: 'index.json' }),
    'index.json of the archive',
  );
  const repoTags = files.has('manifest.json')
    ? await tagsByConfig(store, files)
    : new Map<Digest, string[]>();
  const byName = new Map<string, Descriptor[]>();
  const unnamed: Descriptor[] = [];
  for (const manifest of manifests) {
    const written =
      manifest.annotations?.[ANNOTATION.imageName] ?? manifest.annotations?.[ANNOTATION.refName];
    const names = written !== undefined ? [written] : await namesOfConfig(store, { manifest, repoTags });
    const { annotations: _, ...bare } = manifest;
    const descriptor = keepOtherAnnotations(bare, manifest);
    for (const name of names) byName.set(name, [...(byName.get(name) ?? []), descriptor]);
    if (names.length === 0) unnamed.push(descriptor);
  }
  const images: FoundImage[] = [];
  for (const [name, descriptors] of byName)
    images.push({ names: [name], descriptor: await joinPlatforms(store, descriptors) });
  // Several manifests without names are the platforms of one image.
  if (unnamed.length > 0) images.push({ names: [], descriptor: await joinPlatforms(store, unnamed) });
  return images;
}

async function namesOfConfig(
  store: ImageStore,
  { manifest, repoTags }: { manifest: Descriptor; repoTags: ReadonlyMap<Digest, string[]> },
): Promise<readonly string[]> {
  if (repoTags.size === 0 || !isManifestType(manifest.mediaType) || !(await store.hasBlob(manifest)))
    return [];
  return repoTags.get((await store.readManifest(manifest)).config.digest) ?? [];
}

/** One manifest stays as it is; several become an index, with their platforms. */
async function joinPlatforms(store: ImageStore, descriptors: readonly Descriptor[]): Promise<Descriptor> {
  const [first] = descriptors;
  if (first === undefined) throw ociError('oci.bad-archive', 'the archive has an image of no manifests');
  if (descriptors.length === 1) return first;
  const manifests: Descriptor[] = [];
  for (const descriptor of descriptors) {
    if (isIndexType(descriptor.mediaType) || descriptor.platform !== undefined) {
      manifests.push(descriptor);
      continue;
    }
    const { config } = await store.readManifest(descriptor);
    const { os, architecture, variant } = await store.readConfig(config);
    manifests.push({
      ...descriptor,
      platform: { os, architecture, ...(variant !== undefined && { variant }) },
    });
  }
  return writeIndex(store, manifests);
}

async function nameImages(
  store: ImageStore,
  found: readonly FoundImage[],
  { name }: ImportOptions,
): Promise<readonly StoredImage[]> {
  if (found.length === 0) throw ociError('oci.bad-archive', 'the archive has no image');
  if (name !== undefined && found.length > 1)
    throw ociError(
      'oci.bad-archive',
      `the archive has ${found.length} images; one name cannot stand for all of them`,
    );
  const images: StoredImage[] = [];
  for (const { names, descriptor } of found) {
    if (name === undefined && names.length === 0)
      throw ociError('oci.bad-archive', `the archive has the image ${descriptor.digest} without a name`, {
        hint: 'say with --name what to call it',
      });
    for (const written of name !== undefined ? [name] : names) {
      await store.tag(written, descriptor);
      images.push({ name: expandReference(written), descriptor });
    }
  }
  return images;
}

function keepOtherAnnotations(bare: Descriptor, written: Descriptor): Descriptor {
  const others = Object.entries(written.annotations ?? {}).filter(
    ([key]) => key !== ANNOTATION.imageName && key !== ANNOTATION.refName,
  );
  return others.length === 0 ? bare : { ...bare, annotations: Object.fromEntries(others) };
}

function noImages(files: ArchiveFiles): never {
  throw ociError(
    'oci.bad-archive',
    files.has('repositories')
      ? 'the archive is of a docker older than 1.10, which is not supported'
      : 'the archive is neither an OCI image layout nor of docker save: it has no index.json and no manifest.json',
  );
}
