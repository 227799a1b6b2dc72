import {
  type ArchiveFile,
  type ArchiveFiles,
  type FoundImage,
  readArchiveFile,
  requireFile,
} from './archive-files.ts';
import { compressionOf } from './decompress.ts';
import { isObject, parseConfig } from './documents.ts';
import { ociError } from './errors.ts';
import { MEDIA } from './media-types.ts';
import type { ImageStore } from './store.ts';
import type { Descriptor, Digest, ImageManifest, Platform } from './types.ts';
import { writeDocument } from './write-image.ts';

/** The images of an archive of `docker save`, which get OCI manifests; configurations and layers stay. */
export async function imagesOfDockerSave(
  store: ImageStore,
  files: ArchiveFiles,
): Promise<readonly FoundImage[]> {
  const images: FoundImage[] = [];
  for (const { config, tags, layers } of await readDockerManifest(store, files)) {
    const configFile = requireFile(files, config);
    const bytes = await readArchiveFile(store, { files, name: config });
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
  files: ArchiveFiles,
): Promise<readonly DockerSaveEntry[]> {
  const bad = (why: string) => ociError('oci.bad-archive', `manifest.json of the archive ${why}`);
  let json: unknown;
  try {
    json = JSON.parse(
      new TextDecoder().decode(await readArchiveFile(store, { files, name: 'manifest.json' })),
    );
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

/** What an archive that is a layout too calls its images, by the digests of their configurations. */
export async function tagsByConfig(store: ImageStore, files: ArchiveFiles): Promise<Map<Digest, string[]>> {
  const tags = new Map<Digest, string[]>();
  for (const entry of await readDockerManifest(store, files)) {
    const digest = files.get(entry.config)?.digest;
    if (digest !== undefined) tags.set(digest, [...(tags.get(digest) ?? []), ...entry.tags]);
  }
  return tags;
}

const LAYER_TYPES = { none: MEDIA.layer, gzip: MEDIA.layerGzip, zstd: MEDIA.layerZstd } as const;

async function layerTypeOf(store: ImageStore, file: ArchiveFile): Promise<string> {
  const blob = store.readBlob({ ...file, mediaType: MEDIA.layer });
  try {
    const { value: start = new Uint8Array(0) } = await blob.next();
    return LAYER_TYPES[compressionOf(start)];
  } finally {
    await blob.return(undefined);
  }
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
