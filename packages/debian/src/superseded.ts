import {
  type Digest,
  type ImageStore,
  isAttestation,
  isIndexType,
  parseReference,
  type StoredImage,
} from '@orlop/oci';
import { REVISION_LABEL, TITLE_LABEL } from './component-labels.ts';
import { isContentHash } from './definition/component-tag.ts';

/** Images that were built of earlier states of components. */
export interface SupersededImages {
  readonly images: readonly StoredImage[];
  /** What goes with them: shared content counts once, and not where another image needs it. */
  readonly sizeBytes: number;
  /** What all images of the store take together. */
  readonly storeBytes: number;
}

/**
 * What the store has of components under the hash of their content, where `latest` of the same repository is of another by
 * now. A build names both, so nothing that follows the definitions asks for such an image; a description that has its
 * hash does.
 */
export async function supersededImages(store: ImageStore): Promise<SupersededImages> {
  const all = await store.list();
  const latest = new Map<string, ReadonlySet<Digest>>();
  for (const { name, descriptor } of all) {
    const { domain, repository, tag } = parseReference(name);
    if (tag === 'latest') latest.set(`${domain}/${repository}`, await store.reachable(descriptor));
  }
  const images: StoredImage[] = [];
  const kept = new Set<Digest>();
  const held = new Set<Digest>();
  for (const image of all) {
    const present = await store.reachable(image.descriptor);
    const { domain, repository } = parseReference(image.name);
    const current = latest.get(`${domain}/${repository}`);
    const isOld =
      current !== undefined &&
      !current.has(image.descriptor.digest) &&
      (await isNamedByContent(image, { store, present }));
    if (isOld) images.push(image);
    for (const digest of present) (isOld ? held : kept).add(digest);
  }
  const sizeOf = async (digests: Iterable<Digest>) => {
    let bytes = 0;
    for (const digest of digests) bytes += await store.blobSize(digest).catch(() => 0); // one that is missing takes nothing
    return bytes;
  };
  const sizeBytes = await sizeOf([...held].filter((digest) => !kept.has(digest)));
  return { images, sizeBytes, storeBytes: sizeBytes + (await sizeOf(kept)) };
}

/** Whether a platform of the image says of itself to be that component with the hash that is in the image's tag. */
async function isNamedByContent(
  { name, descriptor }: StoredImage,
  { store, present }: { readonly store: ImageStore; readonly present: ReadonlySet<Digest> },
): Promise<boolean> {
  const { repository, tag } = parseReference(name);
  const manifests = isIndexType(descriptor.mediaType)
    ? (await store.readIndex(descriptor)).manifests.filter((one) => !isAttestation(one))
    : [descriptor];
  for (const manifest of manifests) {
    if (!present.has(manifest.digest)) continue;
    const { config } = await store.readManifest(manifest);
    if (!present.has(config.digest)) continue;
    const labels = (await store.readConfig(config)).config?.Labels;
    const revision = labels?.[REVISION_LABEL] ?? '';
    if (labels?.[TITLE_LABEL] === repository && isContentHash(revision) && tag?.includes(revision) === true)
      return true;
  }
  return false;
}
