import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import {
  openStore,
  platformOf,
  type RegistryOptions,
  type StoreOptions,
  withRegistryClient,
} from './cache-options.ts';

export interface PullOptions extends StoreOptions, RegistryOptions {
  readonly platform: readonly string[];
  /** False with `--no-arch-tags`. */
  readonly archTags: boolean;
  readonly json?: boolean;
}

export interface PushOptions extends StoreOptions, RegistryOptions {
  readonly remoteName?: string;
  readonly withArchTags?: boolean;
  readonly override?: boolean;
  readonly json?: boolean;
}

export async function pullImages(
  names: readonly string[],
  { context, options }: { context: CommandContext; options: PullOptions },
): Promise<void> {
  const { expandReference, nameArchitectures, pullImage } = await import('@orlop/oci');
  const { signal, progress } = context;
  const references = names.map(expandReference); // all of them, before anything is fetched
  const platforms = await Promise.all(options.platform.map(platformOf));
  const store = await openStore(context, options);
  await withRegistryClient(context, options, async (client) => {
    for (const reference of references) {
      const descriptor = await pullImage({
        ...{ store, client, reference, progress, signal },
        ...(platforms.length > 0 && { platforms }),
      });
      if (options.archTags) await nameArchitectures(store, reference);
      report(context, { name: reference, digest: descriptor.digest, json: options.json });
    }
  });
}

export async function pushImages(
  names: readonly string[],
  { context, options }: { context: CommandContext; options: PushOptions },
): Promise<void> {
  const { expandReference, pushImage } = await import('@orlop/oci');
  const { signal, progress } = context;
  if (options.remoteName !== undefined && names.length > 1)
    throw cliError('cli.bad-option', '--remote-name goes with one image only');
  const references = names.map(expandReference);
  const store = await openStore(context, options);
  await withRegistryClient(context, options, async (client) => {
    for (const reference of references) {
      const remote = options.remoteName === undefined ? reference : expandReference(options.remoteName);
      const descriptor = await pushImage({
        ...{ store, client, reference, remote, progress, signal },
        override: options.override ?? false,
        withArchitectureTags: options.withArchTags ?? false,
      });
      report(context, { name: remote, digest: descriptor.digest, json: options.json });
    }
  });
}

function report(
  { stdout }: CommandContext,
  { name, digest, json }: { name: string; digest: string; json: boolean | undefined },
): void {
  stdout.write(json ? `${JSON.stringify({ name, digest })}\n` : `${name} ${digest}\n`);
}
