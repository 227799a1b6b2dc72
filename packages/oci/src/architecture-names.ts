import { isIndexType } from './media-types.ts';
import { parseReference, type Reference, withDefaultTag } from './reference.ts';
import { isAttestation } from './sbom.ts';
import type { ImageStore } from './store.ts';
import type { Descriptor, Platform } from './types.ts';

/** The name of one platform of an image, as LinuxKit has it: `TAG-ARCH`. arm64 has no variant worth a name. */
export function architectureTag(tag: string, { architecture, variant }: Platform): string {
  const suffix =
    variant === undefined || architecture === 'arm64' ? architecture : `${architecture}${variant}`;
  return `${tag}-${suffix}`;
}

/** The platforms of a stored image that has several, each under its own name. None for an image by digest alone. */
export async function architectureNames(
  store: ImageStore,
  reference: string | Reference,
): Promise<readonly { readonly reference: Reference; readonly descriptor: Descriptor }[]> {
  const parsed = withDefaultTag(typeof reference === 'string' ? parseReference(reference) : reference);
  const top = await store.find(parsed);
  const { tag, domain, repository } = parsed;
  if (top === undefined || tag === undefined || !isIndexType(top.mediaType)) return [];
  return (await store.readIndex(top)).manifests.flatMap((descriptor) =>
    descriptor.platform === undefined || isAttestation(descriptor)
      ? []
      : [{ reference: { domain, repository, tag: architectureTag(tag, descriptor.platform) }, descriptor }],
  );
}

/** Names each platform that is in the store, beside the name of the whole. */
export async function nameArchitectures(store: ImageStore, reference: string | Reference): Promise<void> {
  for (const { reference: name, descriptor } of await architectureNames(store, reference)) {
    if (await store.hasBlob(descriptor)) await store.tag(name, descriptor);
  }
}
