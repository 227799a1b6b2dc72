import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
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
 * `latest`. Other platforms of the same content stay in the index. Who asks for what another process is building waits
 * for that.
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
  const present = async (): Promise<BuiltComponent | undefined> => {
    const found = place.force === true ? undefined : await findBuilt(store, reference, platform);
    if (found === undefined) return undefined;
    for (const name of names) await store.tag(name, found.index);
    return { descriptor: found.index, manifest: found.manifest, reference, built: false, packages: [] };
  };
  const early = await present();
  if (early !== undefined) return early;
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const lock = join(stateFolder, `building-${buildName(store, `${reference} ${architecture}`)}.lock`);
  return await withFileLock(lock, signal, async () => {
    try {
      const meanwhile = await present();
      if (meanwhile !== undefined) return meanwhile;
      const { packages, ...added } = await make({ architecture, hash, reference });
      const descriptor = await withFileLock(join(stateFolder, 'index.lock'), signal, async () => {
        const index = await joinPlatforms(store, { reference, ...added });
        for (const name of names) await store.tag(name, index);
        return index;
      });
      return { descriptor, manifest: added.manifest, reference, built: true, packages };
    } finally {
      // Whoever waits has the file open, and finds what was made; who comes after that finds it at once.
      await rm(lock, { force: true });
    }
  });
}

/** Of one store: another that has the same state folder has an image of its own made. */
function buildName(store: ImageStore, what: string): string {
  return createHash('sha256').update(`${store.folder}\n${what}`).digest('hex').slice(0, 16);
}

function checkArchitecture(definition: ComponentNames, platform: Platform): Architecture {
  const architecture = definition.architectures.find((one) => one === platform.architecture);
  if (architecture !== undefined && platform.os === 'linux') return architecture;
  throw debianError(
    'debian.architecture-unsupported',
    `${repositoryOf(definition)} is for ${definition.architectures.join(', ')}, not for ${platform.os}/${platform.architecture}`,
  );
}
