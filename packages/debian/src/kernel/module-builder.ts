import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArchitecture, type ReportProgress } from '@orlop/core';
import type { DebianArchive } from '../apt/machine.ts';
import { PackageCache } from '../apt/package-cache.ts';
import type { DebianPackage } from '../apt/packages.ts';
import { AptWorkspace } from '../apt/workspace.ts';
import { debianError } from '../errors.ts';
import { runTool, toolFailed } from '../tool.ts';
import { hasLoader, unpackedPrograms } from '../unpacked-programs.ts';
import { buildModule, commonHeaders, kernelCompiler } from './build-module.ts';
import { MODULE_TARGETS } from './module-flags.ts';
import type { ShippedModule } from './module-store.ts';

export interface ModuleBuilderOptions {
  readonly archive: DebianArchive;
  readonly suite: string;
  /** Where apt's private state and the downloaded packages are kept. */
  readonly stateFolder: string;
  /** What the modules are for. */
  readonly architecture: string;
  readonly progress: ReportProgress;
  readonly signal?: AbortSignal | undefined;
}

export interface ModulesRequest {
  /** C files, absolute. */
  readonly sources: readonly string[];
  /** `uname -r` of the kernel. */
  readonly version: string;
  /** To work in; removed by the caller. */
  readonly folder: string;
}

/**
 * Builds modules for one of Debian's kernels with Debian's own compiler: of its packages only the compiler proper and the
 * assembler are fetched, with their libraries, and run by their own loader. Nothing is installed, no root needed.
 *
 * @throws OrlopError `debian.*`
 */
export async function buildModules(
  request: ModulesRequest,
  options: ModuleBuilderOptions,
): Promise<readonly ShippedModule[]> {
  const { sources, version, folder } = request;
  const { architecture, signal } = options;
  const target = MODULE_TARGETS.get(architecture);
  const machine = parseArchitecture(process.arch);
  if (target === undefined || machine === undefined || !hasLoader(machine)) {
    throw debianError(
      'debian.module-failed',
      `modules for ${architecture} cannot be compiled on a machine of ${process.arch}`,
    );
  }
  const forKernel = await AptWorkspace.open({ folder: options.stateFolder, ...options });
  const headers = await forKernel.find([commonHeaders(version), `linux-headers-${version}`]);
  await unpack(headers, { into: join(folder, 'headers'), workspace: forKernel, options });
  const compilerVersion = await kernelCompiler(folder, version);
  const here = { ...options, folder: options.stateFolder, architecture: machine };
  const forTools = await AptWorkspace.open(here);
  const names = target.triplet.replace('_', '-');
  const tools = await forTools.solve({
    packages: [`cpp-${compilerVersion}-${names}`, `binutils-${names}`],
    without: [],
  });
  const at = join(folder, 'compiler');
  await unpack(tools, { into: at, workspace: forTools, options });
  const compiler = await unpackedPrograms(at, machine);
  const isCross = machine !== architecture;
  const built: ShippedModule[] = [];
  for (const source of sources) {
    const task = `compile ${source.slice(source.lastIndexOf('/') + 1)} (${version})`;
    options.progress({ task, done: 0, total: 1, unit: 'items' });
    built.push(
      await buildModule({ source, version, target, folder, compiler, compilerVersion, isCross, signal }),
    );
    options.progress({ task, done: 1, total: 1, unit: 'items', finished: true });
  }
  await rm(at, { recursive: true });
  return built;
}

async function unpack(
  packages: readonly DebianPackage[],
  request: {
    readonly into: string;
    readonly workspace: AptWorkspace;
    readonly options: ModuleBuilderOptions;
  },
): Promise<void> {
  const { into, workspace, options } = request;
  const { stateFolder, progress, signal } = options;
  const cache = new PackageCache(stateFolder);
  await cache.fetch(packages, { workspace, progress, signal });
  await mkdir(into, { recursive: true });
  for (const entry of packages) {
    const result = await runTool('dpkg-deb', ['--extract', cache.path(entry), into], { signal });
    if (result.status !== 0) throw toolFailed('dpkg-deb', result);
  }
}
