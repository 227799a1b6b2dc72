import { imageNotFound, ociError } from './errors.ts';
import { isIndexType, isManifestType } from './media-types.ts';
import { formatPlatform, platformFit } from './platform.ts';
import { formatReference, type Reference } from './reference.ts';
import type { ImageStore } from './store.ts';
import type { Descriptor, ImageConfig, ImageManifest, Platform } from './types.ts';

/** An image for one platform, as it stands in a store. */
export interface OciImage {
  /** What errors call it: its reference, or its digest. */
  readonly name: string;
  /** Of the manifest. */
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
}

/** Indexes in indexes deeper than this are refused. */
export const MAX_INDEX_DEPTH = 4;

/**
 * Opens an image of the store for a platform.
 *
 * @throws OrlopError oci.image-not-found, oci.platform-not-found (naming those there are), oci.blob-not-found
 */
export async function openImage(
  store: ImageStore,
  reference: string | Reference | Descriptor,
  platform: Platform,
): Promise<OciImage> {
  const isDescriptor = typeof reference !== 'string' && 'mediaType' in reference;
  const name = isDescriptor
    ? reference.digest
    : typeof reference === 'string'
      ? reference
      : formatReference(reference);
  const found = isDescriptor ? reference : await store.find(reference);
  if (found === undefined) throw imageNotFound(name);
  const descriptor = await selectManifest(store, { name, descriptor: found, platform });
  const manifest = await store.readManifest(descriptor);
  const config = await store.readConfig(manifest.config);
  if (platformFit(platform, config) === 0)
    throw ociError(
      'oci.platform-not-found',
      `the image ${name} is for ${formatPlatform(config)}, not for ${formatPlatform(platform)}`,
    );
  if (config.rootfs.diff_ids.length !== manifest.layers.length)
    throw ociError(
      'oci.bad-document',
      `the image ${name} has ${manifest.layers.length} layers, but its configuration knows ${config.rootfs.diff_ids.length}`,
    );
  return { name, descriptor, manifest, config };
}

/**
 * The manifest for a platform that an index (or a manifest itself) offers.
 *
 * @throws OrlopError oci.platform-not-found, oci.unsupported-media-type
 */
export async function selectManifest(
  store: ImageStore,
  { name, descriptor, platform }: { name: string; descriptor: Descriptor; platform: Platform },
  depth = 0,
): Promise<Descriptor> {
  if (isManifestType(descriptor.mediaType)) return descriptor;
  if (!isIndexType(descriptor.mediaType) || depth > MAX_INDEX_DEPTH)
    throw ociError(
      'oci.unsupported-media-type',
      `${name} is ${descriptor.mediaType}, which is no image that can be used`,
    );
  const { manifests } = await store.readIndex(descriptor);
  const chosen = choosePlatform(manifests, platform);
  if (chosen !== undefined) return selectManifest(store, { name, descriptor: chosen, platform }, depth + 1);
  const offered = manifests.flatMap((m) =>
    m.platform === undefined || m.platform.os === 'unknown' ? [] : [formatPlatform(m.platform)],
  );
  throw ociError(
    'oci.platform-not-found',
    `the image ${name} is not made for ${formatPlatform(platform)}; it is for ${offered.join(', ') || 'no platform'}`,
  );
}

/** The best fit; an entry that names no platform serves when it is the only one. */
export function choosePlatform(manifests: readonly Descriptor[], platform: Platform): Descriptor | undefined {
  let best: Descriptor | undefined;
  let bestFit = 0;
  for (const manifest of manifests) {
    const fit = manifest.platform === undefined ? 0 : platformFit(platform, manifest.platform);
    if (fit > bestFit) {
      best = manifest;
      bestFit = fit;
    }
  }
  const [only] = manifests;
  return best ?? (manifests.length === 1 && only?.platform === undefined ? only : undefined);
}
