import { randomUUID } from 'node:crypto';
import { cp, mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { ReportProgress } from '@orlop/core';
import { type Descriptor, type ImageStore, importArchive, isIndexType } from '@orlop/oci';
import {
  type BuildPlace,
  type BuildTarget,
  type BuiltComponent,
  buildOnce,
  type MadeImage,
} from '../build-once.ts';
import { componentLabels } from '../component-labels.ts';
import { componentReference } from '../definition/component-tag.ts';
import { type DockerfileComponent, type DockerfileSection, repositoryOf } from '../definition/definition.ts';
import { loadComponent } from '../definition/load-component.ts';
import { debianError } from '../errors.ts';
import { runTool, streamTool } from '../tool.ts';
import { makeWorkFolder } from '../work-folder.ts';
import { findDocker } from './docker-client.ts';

export interface DockerfileBuildRequest extends BuildPlace {
  readonly definition: DockerfileComponent;
  /** A line that Docker says. */
  readonly onLine?: (line: string) => void;
  readonly progress: ReportProgress;
}

/**
 * Builds a component by the user's Docker and brings the result into the store, as {@link buildOnce} does. The engine is
 * left as it was, but for its build cache.
 *
 * @throws OrlopError `debian.docker-missing`, `debian.docker-failed` with Docker's last words, `oci.*`
 */
export async function buildDockerfile(request: DockerfileBuildRequest): Promise<BuiltComponent> {
  const temporary = `orlop-build:${randomUUID()}`;
  try {
    return await buildOnce(request.definition, request, (target) =>
      makeImage(request, { ...target, temporary }),
    );
  } finally {
    await request.store.untag(temporary);
  }
}

async function makeImage(request: DockerfileBuildRequest, build: Build): Promise<MadeImage> {
  const task = `build ${repositoryOf(request.definition)} (${build.architecture}) by Docker`;
  request.progress({ task, done: 0, total: 1, unit: 'items' });
  const manifest = await buildManifest(request, build);
  request.progress({ task, done: 1, total: 1, unit: 'items', finished: true });
  return { manifest, packages: [] };
}

interface Build extends BuildTarget {
  /** The image's name until the index has it, in the engine and in the store. */
  readonly temporary: string;
}

async function buildManifest(request: DockerfileBuildRequest, build: Build): Promise<Descriptor> {
  const { definition, store, signal, onLine } = request;
  const client = await findDocker(`${repositoryOf(definition)} is built by Docker`, signal);
  const { temporary } = build;
  const context = await prepareContext(request);
  try {
    const words = [...client.buildWords, ...(await optionsOf(definition, build)), '--tag', temporary];
    const dockerfile = join(context.folder, definition.dockerfile.name);
    const result = await runTool('docker', [...words, '--file', dockerfile, context.folder], {
      signal,
      ...(onLine === undefined ? {} : { onLine }),
    });
    if (result.status !== 0) {
      // The old builder speaks of what failed on its standard output, BuildKit on its standard error.
      const said = [...plainLines(result.stdout).slice(-5), ...plainLines(result.stderr)].slice(-6);
      throw debianError(
        'debian.docker-failed',
        `docker build of ${definition.folder} failed: ${said.join('; ')}`,
      );
    }
    const saved = streamTool('docker', ['save', temporary], { signal });
    const [image] = await importArchive(store, saved, { name: temporary });
    if (image === undefined) throw debianError('debian.docker-failed', 'docker save gave no image');
    return await withPlatform(store, image.descriptor, build);
  } finally {
    await runTool('docker', ['image', 'rm', '--force', temporary], {}).catch(() => {});
    await context.remove();
  }
}

/** The lines that say something, without the colours that the old builder writes for a terminal. */
function plainLines(text: string): readonly string[] {
  return stripVTControlCharacters(text)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** LinuxKit's pkg build gives these arguments and labels, and no network unless the definition asks for it. */
async function optionsOf(
  definition: DockerfileComponent,
  { architecture, hash, reference }: Build,
): Promise<readonly string[]> {
  const { dockerfile, folder } = definition;
  const own = await Promise.all(dockerfile.buildArguments.map((text) => fillTemplate(text, folder)));
  const given = [
    ...(definition.source === undefined ? [] : [`SOURCE=${definition.source}`]),
    `REVISION=${hash}`,
    `PKG_HASH=${hash}`,
    `PKG_IMAGE=${reference}`,
  ];
  return [
    ...['--platform', `linux/${architecture}`],
    ...(dockerfile.network ? [] : ['--network', 'none']),
    ...Object.entries(componentLabels(definition, hash)).flatMap(([key, value]) => [
      '--label',
      `${key}=${value}`,
    ]),
    ...[...given, ...own].flatMap((text) => ['--build-arg', text]),
  ];
}

/** `KEY=@lkt:pkg:FOLDER` is the name of the component there. */
async function fillTemplate(text: string, folder: string): Promise<string> {
  const match = /^([^=]*=)@lkt:pkg:(.*)$/.exec(text);
  if (match === null) return text;
  const [, key = '', path = ''] = match;
  return `${key}${await componentReference(await loadComponent(resolve(folder, path)))}`;
}

/** The component's folder, or a copy of it with what its definition takes from elsewhere. */
async function prepareContext({
  definition,
  stateFolder,
}: DockerfileBuildRequest): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const { folder, dockerfile } = definition;
  await stat(join(folder, dockerfile.name)).catch((cause) => {
    throw debianError(
      'debian.source-missing',
      `${folder} has neither a section debian: in its build.yml nor the file ${dockerfile.name}`,
      { cause },
    );
  });
  if (dockerfile.context.length === 0) return { folder, remove: async () => {} };
  const copy = await makeWorkFolder(stateFolder, 'context');
  const remove = () => rm(copy, { recursive: true, force: true });
  try {
    await fillContext(copy, { folder, extra: dockerfile.context });
  } catch (error) {
    await remove();
    throw error;
  }
  return { folder: copy, remove };
}

async function fillContext(
  copy: string,
  { folder, extra }: { readonly folder: string; readonly extra: DockerfileSection['context'] },
): Promise<void> {
  await cp(folder, copy, { recursive: true });
  for (const { from, to } of extra) {
    const place = resolve(copy, to);
    if (!place.startsWith(`${copy}${sep}`)) {
      throw debianError('debian.invalid-definition', `extra-sources: "${to}" is outside the build context`);
    }
    await mkdir(dirname(place), { recursive: true });
    await cp(from, place, { recursive: true }).catch((cause) => {
      throw debianError('debian.source-missing', `${from}, which the component needs, is not there`, {
        cause,
      });
    });
  }
}

/** The one manifest of what Docker saved, with the platform that its configuration says. */
async function withPlatform(
  store: ImageStore,
  descriptor: Descriptor,
  { architecture }: Build,
): Promise<Descriptor> {
  const manifest = isIndexType(descriptor.mediaType)
    ? (await store.readIndex(descriptor)).manifests.find((one) => one.platform?.architecture === architecture)
    : descriptor;
  const config =
    manifest === undefined ? undefined : await store.readConfig((await store.readManifest(manifest)).config);
  if (manifest === undefined || config?.architecture !== architecture) {
    throw debianError(
      'debian.docker-failed',
      `Docker built for ${config?.architecture ?? 'no platform'}, not for ${architecture}`,
      { hint: 'its engine needs to know how to build for other platforms: docker buildx, binfmt' },
    );
  }
  const { mediaType, digest, size } = manifest;
  return { mediaType, digest, size, platform: { os: 'linux', architecture } };
}
