import { formatPlatform, type Platform } from '@orlop/oci';
import { type BuildOptions, imageReferences, loadDescription } from '../build.ts';
import type { ResolvedImage } from '../resolve/stored-image.ts';
import type { Lock } from './lock-file.ts';

export interface LockRequest
  extends Pick<BuildOptions, 'locations' | 'sources' | 'set' | 'onWarning' | 'resolver'> {
  readonly platform: Platform;
  /** Components that the formats need beside what the description names, such as `boot-efi`. */
  readonly components?: readonly string[];
}

/** Finds every image of a description for a platform, and says what it is now. */
export async function lockImages({ platform, components = [], ...request }: LockRequest): Promise<Lock> {
  const { resolver } = request;
  const { yaml } = await loadDescription(request);
  const references = imageReferences(yaml);
  await resolver.resolveAll(references);
  const images: ResolvedImage[] = references.map((reference) => resolver.get(reference));
  for (const name of components) images.push(await resolver.component(name));
  const name = formatPlatform(platform);
  return new Map(
    images.map(({ reference, digest, sourceDigest }) => [
      reference,
      { source: sourceDigest, platforms: new Map([[name, digest]]) },
    ]),
  );
}
