import { type Architecture, OrlopError } from '@orlop/core';
import type { AnyComponent, DebianArchive } from '@orlop/debian';
import type { ImageStore } from '@orlop/oci';
import { cliError } from '../errors.ts';
import { formatBytes } from '../progress.ts';
import { openStore, type RegistryOptions, withRegistryClient } from './cache-options.ts';
import { type DefinitionOptions, type Invocation, loadAll, namedHash, notBuilt } from './pkg-definitions.ts';
import { readArchitecture } from './read-architecture.ts';

export interface BuildOptions extends DefinitionOptions, RegistryOptions {
  readonly arch: readonly string[];
  readonly platforms?: string;
  readonly allArches?: boolean;
  readonly force?: boolean;
  readonly refresh?: boolean;
  /** Takes what the registry has before it is built. */
  readonly pull?: boolean;
  /** Takes what the store has, for `push`. */
  readonly nobuild?: boolean;
  readonly push?: boolean;
  /** A second tag to push the image under. */
  readonly release?: string;
  readonly skipPlatforms?: string;
  readonly dockerfile?: string;
  readonly buildArgFile?: readonly string[];
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Builds each component for each platform; every definition is read before the first is built. */
export async function buildPackages(
  folders: readonly string[],
  { context, options }: Invocation<BuildOptions>,
): Promise<void> {
  const { componentReference, isByDockerfile, readDebianArchive } = await import('@orlop/debian');
  const { withDockerfileOptions } = await import('./pkg-docker.ts');
  const loaded = await loadAll(folders, { context, options });
  const planned: PlannedComponent[] = [];
  for (const definition of await withDockerfileOptions(loaded, { context, options })) {
    const { hash } = await hashForBuild(definition, { context, options });
    const reference = await componentReference(definition, hash === undefined ? {} : { hash });
    planned.push({ definition, hash, reference, architectures: architecturesOf(definition, options) });
  }
  if (options.dryRun === true) {
    for (const { reference, architectures } of planned) {
      for (const architecture of architectures) context.stdout.write(`${reference} linux/${architecture}\n`);
    }
    return;
  }
  const store = await openStore(context, {});
  // Read once, and only where something comes from it.
  const archive = planned.every(({ definition }) => isByDockerfile(definition))
    ? undefined
    : await readDebianArchive({ signal: context.signal });
  for (const component of planned) {
    const { reference, architectures } = component;
    if (options.pull === true && options.force !== true)
      await pullIfThere(reference, { context, options, store });
    for (const architecture of options.nobuild === true ? [] : architectures)
      await buildOne(component, { context, options, store, architecture, archive });
    if (options.push === true) await push(reference, { context, options, store });
    if (options.push === true && options.release !== undefined)
      await pushRelease(component, options.release, { context, options, store });
  }
}

interface PlannedComponent {
  readonly definition: AnyComponent;
  /** What stands in place of the content hash. */
  readonly hash: string | undefined;
  readonly reference: string;
  readonly architectures: readonly Architecture[];
}

/** Builds a component for one platform, unless the store has it, and says what became of it. */
async function buildOne(
  { definition, hash }: PlannedComponent,
  {
    context,
    options,
    store,
    architecture,
    archive,
  }: Invocation<BuildOptions> & {
    readonly store: ImageStore;
    readonly architecture: Architecture;
    readonly archive: DebianArchive | undefined;
  },
): Promise<void> {
  const { buildComponent, buildDockerfile, isByDockerfile } = await import('@orlop/debian');
  const { signal, progress, paths, stdout, logger } = context;
  const common = {
    ...{ store, progress, signal, hash },
    platform: { os: 'linux', architecture },
    stateFolder: paths.debian,
    force: options.force,
  };
  const { reference, manifest, built, packages } = isByDockerfile(definition)
    ? await buildDockerfile({
        ...{ ...common, definition },
        onLine: (line) => void logger.info('docker', { line }),
      })
    : await buildComponent({ ...common, definition, archive, refresh: options.refresh });
  const { layers } = await store.readManifest(manifest);
  const sizeBytes = layers.reduce((total, layer) => total + layer.size, 0);
  const { digest } = manifest;
  const row = { reference, architecture, digest, sizeBytes, built, packages: packages.length };
  const how = howBuilt({ built, packages: packages.length, byDocker: isByDockerfile(definition) });
  stdout.write(
    options.json === true
      ? `${JSON.stringify(row)}\n`
      : `${reference} linux/${architecture} ${formatBytes(sizeBytes)} ${how}\n`,
  );
}

/** Gives what was pushed a second tag, in the store and in the registry. */
async function pushRelease(
  { definition, reference }: PlannedComponent,
  release: string,
  { context, options, store }: Invocation<BuildOptions> & { readonly store: ImageStore },
): Promise<void> {
  const { repositoryOf } = await import('@orlop/debian');
  const { expandReference } = await import('@orlop/oci');
  const found = await store.find(reference);
  if (found === undefined) throw notBuilt(reference, definition);
  const released = `${repositoryOf(definition)}:${release}`;
  await store.tag(expandReference(released), found);
  await push(released, { context, options, store });
}

function howBuilt({
  built,
  packages,
  byDocker,
}: {
  readonly built: boolean;
  readonly packages: number;
  readonly byDocker: boolean;
}): string {
  if (!built) return 'unchanged';
  return byDocker ? 'built by Docker' : `built from ${packages} ${packages === 1 ? 'package' : 'packages'}`;
}

/** Sends an image with all the platforms that the store has of it. A registry that has it so is left alone. */
async function push(
  reference: string,
  { context, options, store }: Invocation<BuildOptions> & { store: ImageStore },
): Promise<void> {
  const { pushImage } = await import('@orlop/oci');
  const { signal, progress, stdout } = context;
  const { digest } = await withRegistryClient(context, options, (client) =>
    // The tag is of the content: another image under it has other platforms, not other content.
    pushImage({ store, client, reference, override: true, progress, signal }),
  );
  stdout.write(
    options.json === true
      ? `${JSON.stringify({ pushed: reference, digest })}\n`
      : `pushed ${reference} ${digest}\n`,
  );
}

/** What the registry has of the name comes into the store; nothing is said of a registry that has none. */
async function pullIfThere(
  reference: string,
  { context, options, store }: Invocation<BuildOptions> & { store: ImageStore },
): Promise<void> {
  const { pullImage } = await import('@orlop/oci');
  const { signal, progress, logger } = context;
  if ((await store.find(reference)) !== undefined) return;
  await withRegistryClient(context, options, (client) =>
    pullImage({ store, client, reference, progress, signal }),
  ).catch((error: unknown) => {
    if (!(error instanceof OrlopError) || error.kind === 'cancelled' || error.kind === 'integrity')
      throw error;
    logger.info('not pulled', { reference, reason: error.message });
  });
}

/** The same, where a release is of what was committed and goes to a registry. */
async function hashForBuild(
  definition: AnyComponent,
  invocation: Invocation<BuildOptions>,
): Promise<{ readonly hash?: string }> {
  const { release, push } = invocation.options;
  const named = await namedHash(definition, invocation);
  if (release === undefined) return named;
  const cannot = (why: string) => cliError('cli.bad-option', `Cannot release "${release}" ${why}`);
  if (!/^[\w][\w.-]{0,127}$/.test(release))
    throw cannot('as a tag: letters, digits, dots, dashes, up to 128');
  if (push !== true) throw cannot('if not pushing');
  if (/-dirty(-|$)/.test(named.hash ?? '')) throw cannot(`of changed content: ${definition.folder}`);
  return named;
}

function architecturesOf(definition: AnyComponent, options: BuildOptions): readonly Architecture[] {
  const skipped = readArchitectures(words(options.skipPlatforms));
  const named = [...options.arch, ...words(options.platforms)];
  const wanted =
    options.allArches === true
      ? definition.architectures
      : named.length === 0
        ? [readArchitecture()]
        : readArchitectures(named);
  return wanted.filter((architecture) => !skipped.includes(architecture));
}

function words(list: string | undefined): readonly string[] {
  return (list ?? '').split(',').filter((word) => word !== '');
}

function readArchitectures(names: readonly string[]): readonly Architecture[] {
  return names.map((name) => readArchitecture(name.replace(/^linux\//, '')));
}
