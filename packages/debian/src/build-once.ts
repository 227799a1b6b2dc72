import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture } from '@orlop/core';
import { type Descriptor, expandReference, type ImageStore, type Platform } from '@orlop/oci';
import type { DebianPackage } from './apt/packages.ts';
import { findBuilt, joinPlatforms, type NewPlatform } from './component-index.ts';
import { componentHash, componentTag } from './definition/component-tag.ts';
import { type AnyComponent, type ComponentNames, repositoryOf } from './definition/definition.ts';
import { debianError } from './errors.ts';
import { withFileLock } from './file-lock.ts';

/** What every build of a component is told, whoever builds it. */
export interface BuildPlace {
  readonly platform: Platform;
  readonly store: ImageStore;
  /** Where what is needed on the way is kept, for all builds, and the lock of the index. */
  readonly stateFolder: string;
  /** Build also when the store has an image of this content hash. @default false */
  readonly force?: boolean | undefined;
  /** Replaces the content hash. */
  readonly hash?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a build makes. */
export interface BuildTarget {
  readonly architecture: Architecture;
  readonly hash: string;
  /** Expanded, with the content hash: `docker.io/orlop/redis:HASH`. */
  readonly reference: string;
}

export interface BuiltComponent {
  /** The index that both names stand for. */
  readonly descriptor: Descriptor;
  /** The platform's manifest. */
  readonly manifest: Descriptor;
  /** Expanded, with the content hash: `docker.io/orlop/redis:HASH`. */
  readonly reference: string;
  /** False when the store had it already. */
  readonly built: boolean;
  /** What is in it; empty when it was not built now. */
  readonly packages: readonly DebianPackage[];
}

/** An image that a build has put into the store, before it has a name. */
export type MadeImage = Omit<NewPlatform, 'reference'> & { readonly packages: readonly DebianPackage[] };

/**
 * Builds a component for one platform by `make` unless the store has it, and names it: under its content hash and as
 * `latest`. Other platforms of the same content stay in the index.
 *
 * @throws OrlopError `debian.architecture-unsupported`, `debian.*`, `oci.*`; nothing is named in the store then
 */
export async function buildOnce(
  definition: AnyComponent,
  place: BuildPlace,
  make: (target: BuildTarget) => Promise<MadeImage>,
): Promise<BuiltComponent> {
  const { platform, store, stateFolder, signal } = place;
  const architecture = checkArchitecture(definition, platform);
  const hash = place.hash ?? (await componentHash(definition));
  const repository = repositoryOf(definition);
  const reference = expandReference(`${repository}:${await componentTag(definition, { hash })}`);
  const names = [reference, expandReference(`${repository}:latest`)];
  const found = place.force === true ? undefined : await findBuilt(store, reference, platform);
  if (found !== undefined) {
    for (const name of names) await store.tag(name, found.index);
    return { descriptor: found.index, manifest: found.manifest, reference, built: false, packages: [] };
  }
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const { packages, ...added } = await make({ architecture, hash, reference });
  const descriptor = await withFileLock(join(stateFolder, 'index.lock'), signal, async () => {
    const index = await joinPlatforms(store, { reference, ...added });
    for (const name of names) await store.tag(name, index);
    return index;
  });
  return { descriptor, manifest: added.manifest, reference, built: true, packages };
}

function checkArchitecture(definition: ComponentNames, platform: Platform): Architecture {
  const architecture = definition.architectures.find((one) => one === platform.architecture);
  if (architecture !== undefined && platform.os === 'linux') return architecture;
  throw debianError(
    'debian.architecture-unsupported',
    `${repositoryOf(definition)} is for ${definition.architectures.join(', ')}, not for ${platform.os}/${platform.architecture}`,
  );
}
