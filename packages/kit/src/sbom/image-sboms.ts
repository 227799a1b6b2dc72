import { volumeFolder } from '../compose/layout-paths.ts';
import type { RootfsPlan } from '../compose/rootfs-plan.ts';
import type { ResolvedImage } from '../resolve/stored-image.ts';
import type { ImageSboms } from './merge-spdx.ts';

/** The SBOMs of the images of a plan, each once, with the folders that their files are in. */
export async function gatherSboms(
  plan: RootfsPlan,
  images: readonly ResolvedImage[],
): Promise<readonly ImageSboms[]> {
  const prefixes = new Map<string, string[]>();
  const add = (digest: string, prefix: string) => {
    prefixes.set(digest, [...(prefixes.get(digest) ?? []), prefix]);
  };
  if (plan.kernel !== undefined) add(plan.kernel.image.digest, '');
  for (const image of plan.init) add(image.digest, '');
  for (const volume of plan.volumes) {
    if (volume.image !== undefined) add(volume.image.digest, `${volumeFolder(volume.name)}/lower`);
  }
  for (const { image, extractTo } of plan.containers) {
    if (extractTo !== undefined) add(image.digest, extractTo);
  }
  const gathered: ImageSboms[] = [];
  for (const image of new Map(images.map((one) => [one.digest, one])).values()) {
    const { reference, digest } = image;
    gathered.push({
      reference,
      digest,
      prefixes: prefixes.get(digest) ?? [],
      documents: await image.sboms(),
    });
  }
  return gathered;
}
