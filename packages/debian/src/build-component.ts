import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReportProgress } from '@orlop/core';
import {
  type Descriptor,
  expandReference,
  type ImageConfig,
  type ImageStore,
  type Platform,
  writeImage,
} from '@orlop/oci';
import { type DebianArchive, readDebianArchive } from './apt/machine.ts';
import type { DebianPackage } from './apt/packages.ts';
import { componentContent } from './component-content.ts';
import { findBuilt, joinPlatforms } from './component-index.ts';
import { componentHash, componentTag } from './definition/component-tag.ts';
import {
  type Architecture,
  type ComponentDefinition,
  type ComponentNames,
  repositoryOf,
} from './definition/definition.ts';
import { debianError } from './errors.ts';
import { withFileLock } from './file-lock.ts';
import { spdxDocument } from './spdx.ts';

export interface BuildRequest {
  readonly definition: ComponentDefinition;
  readonly platform: Platform;
  readonly store: ImageStore;
  /** Where apt's private state and the downloaded packages are kept, for all builds. */
  readonly stateFolder: string;
  /** @default what the machine's apt configuration says, read when it is needed */
  readonly archive?: DebianArchive | undefined;
  /** Build also when the store has an image of this content hash. @default false */
  readonly force?: boolean | undefined;
  /** Fetch the archive's indexes anew, and build in any case. @default false */
  readonly refresh?: boolean | undefined;
  /** Replaces the content hash. */
  readonly hash?: string | undefined;
  readonly progress: ReportProgress;
  readonly signal?: AbortSignal | undefined;
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

/** Pinned: an image's bytes do not depend on when it was made. */
const CREATED = '1970-01-01T00:00:00Z';
const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Builds a component's image for one platform into the store, under its content hash and as `latest`. Other
 * platforms of the same content stay in the index. Twice the same definition and packages give the same digest.
 *
 * @throws OrlopError `debian.*`, `oci.*`; nothing is named in the store then.
 */
export async function buildComponent(request: BuildRequest): Promise<BuiltComponent> {
  const { definition, platform, store, stateFolder, progress, signal } = request;
  const architecture = checkArchitecture(definition, platform);
  const hash = request.hash ?? (await componentHash(definition));
  const repository = repositoryOf(definition);
  const reference = expandReference(`${repository}:${await componentTag(definition, { hash })}`);
  const names = [reference, expandReference(`${repository}:latest`)];
  if (request.force !== true && request.refresh !== true) {
    const found = await findBuilt(store, reference, platform);
    if (found !== undefined) {
      for (const name of names) await store.tag(name, found.index);
      return { descriptor: found.index, manifest: found.manifest, reference, built: false, packages: [] };
    }
  }
  const archive = request.archive ?? (await readDebianArchive({ signal }));
  const content = await componentContent({
    ...{ definition, architecture, archive, stateFolder, progress, signal },
    refresh: request.refresh,
  });
  const task = `build ${repositoryOf(definition)} (${architecture})`;
  progress({ task, done: 0, total: 1, unit: 'items' });
  const manifest = await writeImage(store, {
    platform: { os: 'linux', architecture },
    config: imageConfig(definition, hash),
    layers: [content.layer],
    signal,
  });
  progress({ task, done: 1, total: 1, unit: 'items', finished: true });
  const packages = content.packages();
  const document = spdxDocument({
    reference,
    suite: definition.debian.suite,
    architecture,
    imageDigest: manifest.digest,
    packages,
  });
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const descriptor = await withFileLock(join(stateFolder, 'index.lock'), signal, async () => {
    const index = await joinPlatforms(store, { reference, manifest, document });
    for (const name of names) await store.tag(name, index);
    return index;
  });
  return { descriptor, manifest, reference, built: true, packages };
}

/**
 * The architecture of a platform that a component is for. @throws OrlopError
 * `debian.architecture-unsupported`
 */
export function checkArchitecture(definition: ComponentNames, platform: Platform): Architecture {
  const architecture = definition.architectures.find((one) => one === platform.architecture);
  if (architecture !== undefined && platform.os === 'linux') return architecture;
  throw debianError(
    'debian.architecture-unsupported',
    `${repositoryOf(definition)} is for ${definition.architectures.join(', ')}, not for ${platform.os}/${platform.architecture}`,
  );
}

/** OCI image-spec, config.md and annotations.md ("Pre-Defined Annotation Keys"). */
function imageConfig(
  definition: ComponentDefinition,
  hash: string,
): Pick<ImageConfig, 'created' | 'config' | 'history'> {
  const { debian } = definition;
  const environment = debian.environment ?? (debian.layout === 'merged' ? [DEFAULT_PATH] : []);
  return {
    created: CREATED,
    config: {
      ...(debian.user === undefined ? {} : { User: debian.user }),
      ...(environment.length === 0 ? {} : { Env: environment }),
      ...(debian.entrypoint === undefined ? {} : { Entrypoint: debian.entrypoint }),
      ...(debian.command === undefined ? {} : { Cmd: debian.command }),
      WorkingDir: debian.workingFolder ?? '/',
      ...(debian.stopSignal === undefined ? {} : { StopSignal: debian.stopSignal }),
      Labels: componentLabels(definition, hash),
    },
    history: [{ created: CREATED, created_by: `orlop pkg build ${definition.image}` }],
  };
}

/** The labels of a component's image, whoever builds it. */
export function componentLabels(definition: ComponentNames, hash: string): Readonly<Record<string, string>> {
  const { config, source } = definition;
  return {
    'org.opencontainers.image.title': repositoryOf(definition),
    // Without a repository of its own, the component's name stands for where it comes from.
    'org.opencontainers.image.source': source ?? `urn:orlop:component:${repositoryOf(definition)}`,
    'org.opencontainers.image.revision': hash,
    ...(config === undefined ? {} : { 'org.mobyproject.config': JSON.stringify(config) }),
  };
}
