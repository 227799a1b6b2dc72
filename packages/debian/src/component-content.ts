import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type EntryStream, readTar } from '@orlop/archive';
import { type Architecture, OrlopError, type ReportProgress } from '@orlop/core';
import type { DebianArchive } from './apt/machine.ts';
import { PackageCache } from './apt/package-cache.ts';
import type { DebianPackage } from './apt/packages.ts';
import { AptWorkspace } from './apt/workspace.ts';
import { type ComponentDefinition, type KernelSection, namesFor } from './definition/definition.ts';
import { debianError } from './errors.ts';
import { kernelEntries } from './kernel/kernel-image.ts';
import { buildModules } from './kernel/module-builder.ts';
import type { ShippedModule } from './kernel/module-store.ts';
import { composeLayer, type LayerPackage, type LayerSources } from './layer/layer.ts';
import { streamTool } from './tool.ts';

export interface ContentRequest {
  readonly definition: ComponentDefinition;
  readonly architecture: Architecture;
  readonly archive: DebianArchive;
  /** Where apt's private state and the downloaded packages are kept. */
  readonly stateFolder: string;
  /** Fetch the indexes of the archive anew. @default false */
  readonly refresh?: boolean | undefined;
  readonly progress: ReportProgress;
  readonly signal?: AbortSignal | undefined;
}

export interface ComponentContent {
  /** Those of which something is in the layer; complete once the layer has been read. */
  packages(): readonly DebianPackage[];
  /** The one layer; may be read once. */
  readonly layer: EntryStream;
}

/**
 * Solves and fetches what a component is made of, and gives its layer as a stream.
 *
 * @throws OrlopError `debian.*`, also while the layer is read.
 */
export async function componentContent(request: ContentRequest): Promise<ComponentContent> {
  const { definition, architecture, stateFolder, signal } = request;
  const packages = definition.debian.packages.length === 0 ? [] : await solveAndFetch(request);
  const cache = new PackageCache(stateFolder);
  async function* unpacked(): AsyncIterable<LayerPackage> {
    for (const entry of packages) {
      const archive = streamTool('dpkg-deb', ['--fsys-tarfile', cache.path(entry)], { signal });
      yield { name: entry.name, entries: readTar(archive) };
    }
  }
  const { kernel } = definition.debian;
  // A kernel is whole: its packages' other files say nothing.
  const contributors = new Set<string>(kernel === undefined ? [] : packages.map((entry) => entry.name));
  async function* layer(): EntryStream {
    if (kernel !== undefined) {
      yield* kernelEntries({
        definition,
        section: kernel,
        architecture,
        packages: unpacked(),
        temporaryFolder: join(stateFolder, 'temporary'),
        buildModules: (version, folder) => compileSources(request, { kernel, version, folder }),
        signal,
      });
    }
    yield* composeLayer({
      section: definition.debian,
      architecture,
      packages: kernel === undefined ? unpacked : noPackages,
      sources: hostSources,
      contributed: (name) => void contributors.add(name),
    });
  }
  return { packages: () => packages.filter((entry) => contributors.has(entry.name)), layer: layer() };
}

/** Once more with fresh indexes when the archive has moved on since they were fetched. */
async function solveAndFetch(request: ContentRequest): Promise<readonly DebianPackage[]> {
  const { definition, architecture, archive, stateFolder, progress, signal } = request;
  const { suite, areas, packages, without } = definition.debian;
  const workspace = await AptWorkspace.open({
    folder: stateFolder,
    archive,
    suite,
    areas,
    architecture,
    progress,
    signal,
  });
  if (request.refresh === true) await workspace.update();
  const cache = new PackageCache(stateFolder);
  const attempt = async () => {
    const solved = await workspace.solve({
      packages: namesFor(packages, architecture),
      without: namesFor(without, architecture),
    });
    await cache.fetch(solved, { workspace, progress, signal });
    return solved;
  };
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof OrlopError) || error.code !== 'debian.download-failed' || request.refresh === true)
      throw error;
    await workspace.update();
    return await attempt();
  }
}

async function compileSources(
  { definition, ...options }: ContentRequest,
  {
    kernel,
    version,
    folder,
  }: { readonly kernel: KernelSection; readonly version: string; readonly folder: string },
): Promise<readonly ShippedModule[]> {
  const sources = namesFor(kernel.sources, options.architecture);
  if (sources.length === 0) return [];
  const { suite } = definition.debian;
  return await buildModules({ sources, version, folder }, { ...options, suite });
}

async function* noPackages(): AsyncIterable<LayerPackage> {}

const hostSources: LayerSources = {
  async file(path) {
    const found = await stat(path).catch((cause) => {
      throw debianError('debian.source-missing', `${path}, which the component needs, is not there`, {
        cause,
      });
    });
    if (!found.isFile()) {
      throw debianError('debian.source-missing', `${path}, which the component needs, is no file`);
    }
    return { sizeBytes: found.size, body: contentOf(path) };
  },
  async names(path) {
    const text = await readFile(path, 'utf8').catch((cause) => {
      throw debianError('debian.source-missing', `the file of names ${path} cannot be read`, { cause });
    });
    return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  },
};

/** Opened when its turn comes: one that cannot be read is a failure of who reads it then. */
async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path);
}
