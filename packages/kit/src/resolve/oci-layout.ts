import { type ArchiveEntry, bytesBody, type EntryStream, emptyBody } from '@orlop/archive';
import {
  type Descriptor,
  formatPlatform,
  type ImageStore,
  isAttestation,
  isIndexType,
  isManifestType,
  MEDIA,
} from '@orlop/oci';
import { GENERATED_MTIME } from '../compose/entries.ts';

/**
 * An image of the store as an OCI layout (image-spec, image-layout.md), with the manifests of some platforms
 * only: what a volume of the format `oci` holds.
 */
export async function* ociLayoutEntries(
  store: ImageStore,
  {
    name,
    descriptor,
    platforms,
  }: { name: string; descriptor: Descriptor; platforms?: readonly string[] | undefined },
): EntryStream {
  const manifests = await manifestsOf(store, descriptor, platforms);
  const named = manifests.map((manifest) => ({
    ...manifest,
    annotations: { ...manifest.annotations, 'org.opencontainers.image.ref.name': name },
  }));
  yield folder('blobs');
  yield folder('blobs/sha256');
  const index = { schemaVersion: 2, mediaType: MEDIA.index, manifests: named };
  yield file('oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  yield file('index.json', JSON.stringify(index));
  const written = new Set<string>();
  for (const manifest of manifests) {
    const { config, layers } = await store.readManifest(manifest);
    for (const blob of [manifest, config, ...layers]) {
      if (written.has(blob.digest)) continue;
      written.add(blob.digest);
      const header = { ...file(blobName(blob)).header, sizeBytes: blob.size };
      yield { header, body: blob.size === 0 ? emptyBody : store.readBlob(blob) };
    }
  }
}

async function manifestsOf(
  store: ImageStore,
  descriptor: Descriptor,
  platforms: readonly string[] | undefined,
): Promise<readonly Descriptor[]> {
  if (!isIndexType(descriptor.mediaType)) return [descriptor];
  const { manifests } = await store.readIndex(descriptor);
  const images = manifests.filter((one) => isManifestType(one.mediaType) && !isAttestation(one));
  const present: Descriptor[] = [];
  for (const image of images) {
    const { platform } = image;
    const wanted =
      platforms === undefined || (platform !== undefined && platforms.includes(formatPlatform(platform)));
    if (wanted && (await store.hasBlob(image))) present.push(image);
  }
  return present;
}

function blobName({ digest }: Descriptor): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function folder(name: string): ArchiveEntry {
  const header = { name, type: 'directory', mode: 0o755, uid: 0, gid: 0, sizeBytes: 0 } as const;
  return { header: { ...header, mtime: GENERATED_MTIME }, body: emptyBody };
}

function file(name: string, text = ''): ArchiveEntry {
  const bytes = new TextEncoder().encode(text);
  const header = { name, type: 'file', mode: 0o644, uid: 0, gid: 0, linkCount: 1 } as const;
  return {
    header: { ...header, sizeBytes: bytes.length, mtime: GENERATED_MTIME },
    body: bytesBody(bytes),
  };
}
