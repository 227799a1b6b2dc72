import type { CommandContext } from '../context.ts';
import { openStore, type RegistryOptions, type StoreOptions, withRegistryClient } from './cache-options.ts';
import { type DefinitionOptions, loadAll, namedHash, notBuilt } from './pkg-definitions.ts';

export interface PushPackagesOptions extends DefinitionOptions, RegistryOptions, StoreOptions {
  readonly override?: boolean;
  readonly withArchTags?: boolean;
}

/** Sends the images of components, all platforms that the store has, to the registry that their names say. */
export async function pushPackages(
  folders: readonly string[],
  { context, options }: { context: CommandContext; options: PushPackagesOptions },
): Promise<void> {
  const { componentReference } = await import('@orlop/debian');
  const { expandReference, pushImage } = await import('@orlop/oci');
  const { signal, progress, stdout } = context;
  const definitions = await loadAll(folders, { context, options });
  const store = await openStore(context, options);
  await withRegistryClient(context, options, async (client) => {
    for (const definition of definitions) {
      const hash = await namedHash(definition, { context, options });
      const reference = expandReference(await componentReference(definition, hash));
      if ((await store.find(reference)) === undefined) throw notBuilt(reference, definition);
      const descriptor = await pushImage({
        ...{ store, client, reference, progress, signal },
        override: options.override ?? false,
        withArchitectureTags: options.withArchTags ?? false,
      });
      stdout.write(`${reference} ${descriptor.digest}\n`);
    }
  });
}

export interface RemoteTagOptions extends RegistryOptions, StoreOptions {}

/**
 * Gives an image in a registry another name. Within a repository only the manifest is sent; to another, the
 * image passes through the store.
 */
export async function tagRemotely(
  { from, to }: { readonly from: string; readonly to: string },
  { context, options }: { context: CommandContext; options: RemoteTagOptions },
): Promise<void> {
  const { formatReference, parseReference, pullImage, pushImage, withDefaultTag } = await import(
    '@orlop/oci'
  );
  const { signal, progress, stdout } = context;
  const source = withDefaultTag(parseReference(from));
  const target = withDefaultTag(parseReference(to));
  await withRegistryClient(context, options, async (client) => {
    if (source.domain === target.domain && source.repository === target.repository) {
      const manifest = await client.getManifest(source, source.digest ?? source.tag ?? 'latest', { signal });
      const { mediaType } = manifest.descriptor;
      await client.putManifest(target, target.tag ?? 'latest', { bytes: manifest.bytes, mediaType, signal });
      stdout.write(`${formatReference(target)} ${manifest.descriptor.digest}\n`);
      return;
    }
    const store = await openStore(context, options);
    await pullImage({ store, client, reference: source, progress, signal });
    const pushed = await pushImage({
      ...{ store, client, reference: source, remote: target, progress, signal },
      override: true,
    });
    stdout.write(`${formatReference(target)} ${pushed.digest}\n`);
  });
}
