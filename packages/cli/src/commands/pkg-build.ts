import { resolve } from 'node:path';
import { OrlopError } from '@orlop/core';
import type { AnyComponent, Architecture } from '@orlop/debian';
import type { ImageStore } from '@orlop/oci';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { formatBytes } from '../progress.ts';
import { openStore, type RegistryOptions, withRegistryClient } from './cache-options.ts';

/** Options by which a definition's names can be changed. */
export interface DefinitionOptions {
  readonly org?: string;
  readonly tag?: string;
  readonly hash?: string;
  /** git's id of the tree in this commit in place of the content hash. */
  readonly hashCommit?: string;
  /** Of the tree of this folder rather than of the component's own. */
  readonly hashPath?: string;
  /** git's id, marked as that of changed content. */
  readonly forceDirty?: boolean;
  readonly buildYml: string;
}

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

/** Names that people and Node give to what Debian and OCI call otherwise, beside those themselves. */
const ARCHITECTURES_BY_NAME: ReadonlyMap<string, Architecture> = new Map([
  ['amd64', 'amd64'],
  ['arm64', 'arm64'],
  ['riscv64', 'riscv64'],
  ['x86_64', 'amd64'],
  ['x64', 'amd64'],
  ['aarch64', 'arm64'],
]);

interface Invocation<Options> {
  readonly context: CommandContext;
  readonly options: Options;
}

/** Builds each component for each platform; every definition is read before the first is built. */
export async function buildPackages(
  folders: readonly string[],
  { context, options }: Invocation<BuildOptions>,
): Promise<void> {
  const {
    buildComponent,
    buildDockerfile,
    componentReference,
    isByDockerfile,
    readDebianArchive,
    repositoryOf,
  } = await import('@orlop/debian');
  const { expandReference } = await import('@orlop/oci');
  const { withDockerfileOptions } = await import('./pkg-docker.ts');
  const loaded = await loadAll(folders, { context, options });
  const definitions = await withDockerfileOptions(loaded, { context, options });
  const { signal, progress, paths, stdout } = context;
  const hashes = new Map<AnyComponent, { readonly hash?: string }>();
  for (const definition of definitions)
    hashes.set(definition, await hashForBuild(definition, { context, options }));
  const hashOf = (definition: AnyComponent) => hashes.get(definition) ?? {};
  if (options.dryRun === true) {
    for (const definition of definitions) {
      const reference = await componentReference(definition, hashOf(definition));
      for (const architecture of architecturesOf(definition, options)) {
        stdout.write(`${reference} linux/${architecture}\n`);
      }
    }
    return;
  }
  const store = await openStore(context, {});
  // Read once, and only where something comes from it.
  const archive = definitions.every(isByDockerfile) ? undefined : await readDebianArchive({ signal });
  for (const definition of definitions) {
    const hash = hashOf(definition);
    const built = options.nobuild === true ? [] : architecturesOf(definition, options);
    if (options.pull === true && options.force !== true) {
      await pullIfThere(await componentReference(definition, hash), { context, options, store });
    }
    for (const architecture of built) {
      const common = {
        ...{ store, progress, signal, hash: hash.hash },
        platform: { os: 'linux', architecture },
        stateFolder: paths.debian,
        force: options.force,
      };
      const { reference, manifest, built, packages } = isByDockerfile(definition)
        ? await buildDockerfile({
            ...{ ...common, definition },
            onLine: (line) => void context.logger.info('docker', { line }),
          })
        : await buildComponent({ ...common, definition, archive, refresh: options.refresh });
      const { layers } = await store.readManifest(manifest);
      const sizeBytes = layers.reduce((total, layer) => total + layer.size, 0);
      const row = {
        reference,
        architecture,
        digest: manifest.digest,
        sizeBytes,
        built,
        packages: packages.length,
      };
      stdout.write(
        options.json === true
          ? `${JSON.stringify(row)}\n`
          : `${reference} linux/${architecture} ${formatBytes(sizeBytes)} ${howBuilt({ built, packages: packages.length, byDocker: isByDockerfile(definition) })}\n`,
      );
    }
    if (options.push !== true) continue;
    const reference = await componentReference(definition, hash);
    await push(reference, { context, options, store });
    if (options.release === undefined) continue;
    const found = await store.find(reference);
    if (found === undefined) throw notBuilt(reference, definition);
    const released = `${repositoryOf(definition)}:${options.release}`;
    await store.tag(expandReference(released), found);
    await push(released, { context, options, store });
  }
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

/** Prints `orlop/redis:HASH` for each folder. */
export async function showTags(
  folders: readonly string[],
  { context, options }: Invocation<DefinitionOptions & { readonly canonical?: boolean }>,
): Promise<void> {
  const { componentReference } = await import('@orlop/debian');
  const { expandReference } = await import('@orlop/oci');
  for (const definition of await loadAll(folders, { context, options })) {
    const reference = await componentReference(definition, await namedHash(definition, { context, options }));
    context.stdout.write(`${options.canonical === true ? expandReference(reference) : reference}\n`);
  }
}

/** Prints the index of each component's image as JSON. */
export async function showIndexes(
  folders: readonly string[],
  { context, options }: Invocation<DefinitionOptions>,
): Promise<void> {
  const { componentReference } = await import('@orlop/debian');
  const store = await openStore(context, {});
  for (const definition of await loadAll(folders, { context, options })) {
    const reference = await componentReference(definition, await namedHash(definition, { context, options }));
    const found = await store.find(reference);
    if (found === undefined) throw notBuilt(reference, definition);
    context.stdout.write(
      `${JSON.stringify({ reference, ...found, index: await store.readIndex(found) }, undefined, 2)}\n`,
    );
  }
}

/** What stands in place of the content hash, if the options name anything. */
export async function namedHash(
  definition: AnyComponent,
  { context, options }: Invocation<DefinitionOptions>,
): Promise<{ readonly hash?: string }> {
  const { hash, hashCommit, hashPath, forceDirty } = options;
  if (hash !== undefined) return { hash };
  if (hashCommit === undefined && hashPath === undefined && forceDirty !== true) return {};
  const { gitTreeHash } = await import('@orlop/debian');
  const folder = hashPath === undefined ? definition.folder : resolve(context.cwd, hashPath);
  return { hash: await gitTreeHash(folder, { commit: hashCommit, forceDirty, signal: context.signal }) };
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

export function notBuilt(reference: string, definition: AnyComponent): OrlopError {
  return cliError('pkg.not-built', `the store has no ${reference}`, {
    hint: `orlop pkg build ${definition.folder}`,
  });
}

/** Reads the definitions, with the names that the options give them. */
export async function loadAll(
  folders: readonly string[],
  { context, options }: Invocation<DefinitionOptions>,
): Promise<readonly AnyComponent[]> {
  const { loadAnyComponent } = await import('@orlop/debian');
  return await Promise.all(
    folders.map((folder) =>
      loadAnyComponent(resolve(context.cwd, folder), {
        buildFile: options.buildYml,
        organisation: options.org ?? context.env['ORLOP_PKG_ORG'],
        tag: options.tag,
      }),
    ),
  );
}

/** That of the machine this runs on. */
export function hostArchitecture(): Architecture {
  return ARCHITECTURES_BY_NAME.get(process.arch) ?? 'amd64';
}

function architecturesOf(definition: AnyComponent, options: BuildOptions): readonly Architecture[] {
  const skipped = readArchitectures(words(options.skipPlatforms));
  const named = [...options.arch, ...words(options.platforms)];
  const wanted =
    options.allArches === true
      ? definition.architectures
      : named.length === 0
        ? [hostArchitecture()]
        : readArchitectures(named);
  return wanted.filter((architecture) => !skipped.includes(architecture));
}

function words(list: string | undefined): readonly string[] {
  return (list ?? '').split(',').filter((word) => word !== '');
}

function readArchitectures(names: readonly string[]): readonly Architecture[] {
  return names.map((word) => {
    const name = word.replace(/^linux\//, '');
    const architecture = ARCHITECTURES_BY_NAME.get(name);
    if (architecture !== undefined) return architecture;
    throw cliError('pkg.unknown-architecture', `there is no architecture ${word}`, {
      hint: `one of ${[...ARCHITECTURES_BY_NAME.keys()].join(', ')}`,
    });
  });
}
