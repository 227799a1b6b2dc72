import { OrlopError } from '@orlop/core';
import type { ImageStore, StoredImage, SweepResult } from '@orlop/oci';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { formatBytes } from '../progress.ts';
import { openStore, type RegistryOptions, type StoreOptions, withRegistryClient } from './cache-options.ts';

export interface RemoveOptions extends StoreOptions, RegistryOptions {
  readonly publishedOnly?: boolean;
}

export interface CleanOptions extends RemoveOptions {
  readonly unreferenced?: boolean;
  readonly superseded?: boolean;
}

/** Takes names off images, with those of their architectures; what no name leads to goes. */
export async function removeImages(
  names: readonly string[],
  { context, options }: { context: CommandContext; options: RemoveOptions },
): Promise<void> {
  const { architectureNames, expandReference, formatReference } = await import('@orlop/oci');
  const store = await openStore(context, options);
  const images = await store.list();
  const chosen: StoredImage[] = [];
  for (const name of names.map(expandReference)) {
    const image = images.find((candidate) => candidate.name === name);
    if (image === undefined)
      throw cliError('cli.image-not-found', `the store has no image ${name}`, {
        hint: 'orlop cache ls shows those there are',
      });
    chosen.push(image);
    for (const { reference, descriptor } of await architectureNames(store, name)) {
      const named = images.find((candidate) => candidate.name === formatReference(reference));
      if (named?.descriptor.digest === descriptor.digest) chosen.push(named);
    }
  }
  await remove(store, await publishedOf([...new Set(chosen)], { context, options }), context);
}

/**
 * Removes all images, or the published ones, or those of earlier states of components, or none with `unreferenced`; then
 * every blob that nothing leads to.
 */
export async function cleanStore({
  context,
  options,
}: {
  context: CommandContext;
  options: CleanOptions;
}): Promise<void> {
  const store = await openStore(context, options);
  if (!options.unreferenced) {
    const chosen = options.superseded ? await superseded(store) : await store.list();
    await remove(store, await publishedOf(chosen, { context, options }), context);
  }
  const swept = await store.sweep();
  const freed = formatBytes(swept.freedBytes);
  context.stdout.write(
    `removed ${swept.removedBlobs} unused blobs, ${freed} with leftovers${spared(swept)}\n`,
  );
}

async function superseded(store: ImageStore): Promise<readonly StoredImage[]> {
  const { supersededImages } = await import('@orlop/debian');
  return (await supersededImages(store)).images;
}

/** Names first, then what only they needed. */
async function remove(
  store: ImageStore,
  images: readonly StoredImage[],
  context: CommandContext,
): Promise<void> {
  for (const { name } of images) {
    await store.untag(name);
    context.stdout.write(`removed ${name}\n`);
  }
  if (images.length === 0) return;
  const swept = await store.sweep(images.map(({ descriptor }) => descriptor));
  context.stdout.write(
    `freed ${formatBytes(swept.freedBytes)} in ${swept.removedBlobs} blobs${spared(swept)}\n`,
  );
}

function spared({ sparedBlobs }: SweepResult): string {
  return sparedBlobs === 0 ? '' : `; kept ${sparedBlobs} that another process uses`;
}

/** With `--published-only`, those of the images whose registry has the same under the same name. */
async function publishedOf(
  images: readonly StoredImage[],
  { context, options }: { context: CommandContext; options: RemoveOptions },
): Promise<readonly StoredImage[]> {
  if (!options.publishedOnly) return images;
  const { parseReference } = await import('@orlop/oci');
  const { signal, stderr } = context;
  return withRegistryClient(context, options, async (client) => {
    const published: StoredImage[] = [];
    for (const image of images) {
      const reference = parseReference(image.name);
      const version = reference.digest ?? reference.tag ?? 'latest';
      const remote = await client.headManifest(reference, version, { signal }).catch((error: unknown) => {
        if (!(error instanceof OrlopError) || error.kind === 'cancelled') throw error;
        return undefined; // who cannot be asked has not published it
      });
      if (remote === image.descriptor.digest) published.push(image);
      else stderr.write(`kept ${image.name}: its registry does not have it so\n`);
    }
    return published;
  });
}
