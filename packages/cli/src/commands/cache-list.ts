import type { Descriptor, Digest, ImageStore } from '@orlop/oci';
import type { CommandContext } from '../context.ts';
import { formatColumns } from '../format-columns.ts';
import { formatBytes } from '../progress.ts';
import { openStore, type StoreOptions } from './cache-options.ts';

export interface ListOptions extends StoreOptions {
  readonly json?: boolean;
}

/** A line of `orlop cache ls`. */
interface ListedImage {
  readonly name: string;
  readonly digest: Digest;
  /** Those whose content is in the store. */
  readonly platforms: readonly string[];
  /** Of all that the image needs; what images share is counted for each. */
  readonly sizeBytes: number;
}

export async function listImages({
  context,
  options,
}: {
  context: CommandContext;
  options: ListOptions;
}): Promise<void> {
  const store = await openStore(context, options);
  const images: ListedImage[] = [];
  for (const { name, descriptor } of await store.list()) {
    const present = await store.reachable(descriptor);
    let sizeBytes = 0;
    for (const digest of present) sizeBytes += await store.blobSize(digest).catch(() => 0);
    images.push({
      name,
      digest: descriptor.digest,
      platforms: await platforms(store, { descriptor, present }),
      sizeBytes,
    });
  }
  if (options.json) {
    context.stdout.write(`${JSON.stringify(images)}\n`);
    return;
  }
  const rows = images.map(({ name, digest, platforms, sizeBytes }) => [
    name,
    digest.slice(0, 19),
    platforms.join(','),
    formatBytes(sizeBytes),
  ]);
  context.stdout.write(formatColumns([['NAME', 'DIGEST', 'PLATFORMS', 'SIZE'], ...rows]));
}

async function platforms(
  store: ImageStore,
  { descriptor, present }: { descriptor: Descriptor; present: ReadonlySet<Digest> },
): Promise<readonly string[]> {
  const { formatPlatform, isAttestation, isIndexType } = await import('@orlop/oci');
  if (!isIndexType(descriptor.mediaType)) {
    const { config } = await store.readManifest(descriptor);
    return [formatPlatform(await store.readConfig(config))];
  }
  const found: string[] = [];
  for (const manifest of (await store.readIndex(descriptor)).manifests) {
    if (manifest.platform === undefined || isAttestation(manifest)) continue;
    if (present.has(manifest.digest)) found.push(formatPlatform(manifest.platform));
  }
  return found;
}
