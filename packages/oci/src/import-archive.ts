import { type EntryHeader, readTar } from '@orlop/archive';
import { decompress } from './decompress.ts';
import { isObject, MAX_DOCUMENT_BYTES, parseConfig, parseIndex } from './documents.ts';
import { ociError } from './errors.ts';
import { ANNOTATION, isIndexType, isManifestType, MEDIA } from './media-types.ts';
import { expandReference } from './reference.ts';
import type { ImageStore, StoredImage } from './store.ts';
import type { Descriptor, Digest, ImageManifest, Platform } from './types.ts';
import { writeDocument, writeIndex } from './write-image.ts';

export interface ImportOptions {
  /** What to call the image, whatever the archive says; for archives of one image. */
  readonly name?: string;
  readonly signal?: AbortSignal;
}

/** A regular file of the archive, which the store keeps as a blob until the import ends. */
interface ArchiveFile {
  readonly digest: Digest;
  readonly size: number;
}

/** An image that the archive holds; `names` is empty when it says none. */
interface FoundImage {
  readonly names: readonly string[];
  readonly descriptor: Descriptor;
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
  const files = await takeFiles(store, source, options.signal);
  try {
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

/** Every file becomes a blob at once, since the archive says only later what it is. */
async function takeFiles(
  store: ImageStore,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, ArchiveFile>> {
  const files = new Map<string, ArchiveFile>();
  const links: EntryHeader[] = [];
  for await (const { header, body } of readTar(decompress(source, { subject: 'the archive' }))) {
    if (header.type === 'symlink' || header.type === 'hardlink') links.push(header);
    if (header.type !== 'file') continue;
    const claimed = /^blobs\/(sha256|sha512)\/([0-9a-f]+)$/.exec(header.name);
    const expected =
      claimed === null
        ? undefined
        : { digest: `${claimed[1]}:${claimed[2]}` as Digest, size: header.sizeBytes };
    if (claimed?.[1] === 'sha512')
      throw ociError('oci.bad-archive', `${header.name} has a sha512 digest, which imports do not support`);
    const { digest, size } = await store.writeBlob(body, {
      mediaType: 'application/octet-stream',
      signal,
      ...(expected !== undefined && { expected }),
    });
    files.set(header.name, { digest, size });
  }
  // `docker save` before 25 writes a layer that several images share once, and links to it.
  for (const { name, type, linkName = '' } of links) {
    const target = files.get(type === 'symlink' ? resolveLink(name, linkName) : linkName);
    if (target !== undefined) files.set(name, target);
  }
  return files;
}

async function imagesOfLayout(
  store: ImageStore,
  files: ReadonlyMap<string, ArchiveFile>,
): Promise<readonly FoundImage[]> {
  const { manifests } = parseIndex(await readFile(store, files, 'index.json'), 'index.json of the archive');
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

async function imagesOfDockerSave(
  store: ImageStore,
  files: ReadonlyMap<string, ArchiveFile>,
): Promise<readonly FoundImage[]> {
  const images: FoundImage[] = [];
  for (const { config, tags, layers } of await readDockerManifest(store, files)) {
    const configFile = requireFile(files, config);
    const bytes = await readFile(store, files, config);
    const parsed = parseConfig(bytes, `${config} of the archive`);
    const descriptors: Descriptor[] = [];
    for (const layer of layers) {
      const file = requireFile(files, layer);
      descriptors.push({ ...file, mediaType: await layerTypeOf(store, file) });
    }
    if (descriptors.length !== parsed.rootfs.diff_ids.length)
      throw ociError(
        'oci.bad-archive',
        `${config} knows ${parsed.rootfs.diff_ids.length} layers, but manifest.json lists ${descriptors.length}`,
      );
    for (const [index, layer] of descriptors.entries()) {
      const diffId = parsed.rootfs.diff_ids[index];
      if (layer.mediaType === MEDIA.layer && diffId !== layer.digest)
        throw ociError(
          'oci.digest-mismatch',
          `${layers[index]} has the digest ${layer.digest}, not ${diffId}`,
        );
    }
    const manifest: ImageManifest = {
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      config: { mediaType: MEDIA.config, ...configFile },
      layers: descriptors,
    };
    const { os, architecture, variant } = parsed;
    const platform: Platform = { os, architecture, ...(variant !== undefined && { variant }) };
    const descriptor = { ...(await writeDocument(store, manifest, MEDIA.manifest)), platform };
    images.push({ names: tags, descriptor });
  }
  return images;
}

interface DockerSaveEntry {
  readonly config: string;
  readonly tags: readonly string[];
  readonly layers: readonly string[];
}

/** moby, image/spec "Combined Image JSON + Filesystem Changeset Format". */
async function readDockerManifest(
  store: ImageStore,
  files: ReadonlyMap<string, ArchiveFile>,
): Promise<readonly DockerSaveEntry[]> {
  const bad = (why: string) => ociError('oci.bad-archive', `manifest.json of the archive ${why}`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(await readFile(store, files, 'manifest.json')));
  } catch (cause) {
    throw ociError('oci.bad-archive', 'manifest.json of the archive is no JSON', { cause });
  }
  if (!Array.isArray(json)) throw bad('is no list');
  return json.map((entry: unknown) => {
    if (!isObject(entry)) throw bad('has an entry that is no object');
    const { Config: config, RepoTags: tags, Layers: layers } = entry;
    if (typeof config !== 'string' || !isTextList(layers)) throw bad('has an entry without Config or Layers');
    if (tags !== null && tags !== undefined && !isTextList(tags)) throw bad('has RepoTags that are no names');
    return { config, tags: tags ?? [], layers };
  });
}

async function tagsByConfig(
  store: ImageStore,
  files: ReadonlyMap<string, ArchiveFile>,
): Promise<Map<Digest, string[]>> {
  const tags = new Map<Digest, string[]>();
  for (const entry of await readDockerManifest(store, files)) {
    const digest = files.get(entry.config)?.digest;
    if (digest !== undefined) tags.set(digest, [...(tags.get(digest) ?? []), ...entry.tags]);
  }
  return tags;
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

async function readFile(
  store: ImageStore,
  files: ReadonlyMap<string, ArchiveFile>,
  name: string,
): Promise<Uint8Array> {
  const file = requireFile(files, name);
  if (file.size > MAX_DOCUMENT_BYTES)
    throw ociError('oci.bad-archive', `${name} of the archive has ${file.size} bytes, too many to be right`);
  return store.readDocument({ ...file, mediaType: 'application/json' });
}

function requireFile(files: ReadonlyMap<string, ArchiveFile>, name: string): ArchiveFile {
  const file = files.get(name) ?? files.get(name.replace(/^\.\//, ''));
  if (file === undefined)
    throw ociError('oci.bad-archive', `the archive has no file ${JSON.stringify(name)}`);
  return file;
}

async function layerTypeOf(store: ImageStore, file: ArchiveFile): Promise<string> {
  const blob = store.readBlob({ ...file, mediaType: MEDIA.layer });
  try {
    const { value: start } = await blob.next();
    if (start?.[0] === 0x1f && start[1] === 0x8b) return MEDIA.layerGzip;
    if (start?.[0] === 0x28 && start[1] === 0xb5) return MEDIA.layerZstd;
    return MEDIA.layer;
  } finally {
    await blob.return(undefined);
  }
}

function keepOtherAnnotations(bare: Descriptor, written: Descriptor): Descriptor {
  const others = Object.entries(written.annotations ?? {}).filter(
    ([key]) => key !== ANNOTATION.imageName && key !== ANNOTATION.refName,
  );
  return others.length === 0 ? bare : { ...bare, annotations: Object.fromEntries(others) };
}

function resolveLink(name: string, target: string): string {
  const parts = name.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function noImages(files: ReadonlyMap<string, ArchiveFile>): never {
  throw ociError(
    'oci.bad-archive',
    files.has('repositories')
      ? 'the archive is of a docker older than 1.10, which is not supported'
      : 'the archive is neither an OCI image layout nor of docker save: it has no index.json and no manifest.json',
  );
}
