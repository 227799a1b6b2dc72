import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  type ArchiveEntry,
  bodyBytes,
  bytesBody,
  type EntryHeader,
  type EntryStream,
  writeTar,
} from '@orlop/archive';
import type { OrlopError } from '@orlop/core';
import type { ComponentDefinition, KernelSection } from '../definition/definition.ts';
import { debianError } from '../errors.ts';
import { compileGlobs } from '../layer/globs.ts';
import type { LayerPackage } from '../layer/layer.ts';
import { mergedPath } from '../layer/layout.ts';
import { makeWorkFolder } from '../work-folder.ts';
import { moduleName } from './modinfo.ts';
import { ModuleStore, type ShippedModule } from './module-store.ts';
import { fileStem, type KernelLists, type KernelModule, moduleTables } from './module-tables.ts';
import { selectModules } from './select-modules.ts';

export interface KernelRequest {
  readonly definition: ComponentDefinition;
  readonly section: KernelSection;
  readonly architecture: string;
  readonly packages: AsyncIterable<LayerPackage>;
  /** For files that live as long as the stream is read. */
  readonly temporaryFolder: string;
  /** Compiles the section's sources for the kernel of a version, in a folder that is removed afterwards. */
  readonly buildModules: (version: string, folder: string) => Promise<readonly ShippedModule[]>;
  readonly signal?: AbortSignal | undefined;
}

/** What the packages of a kernel were found to hold. */
interface Found {
  version: string;
  modified: number;
  lists: { -readonly [Key in keyof KernelLists]: KernelLists[Key] };
  readonly deviceTrees: Map<string, Uint8Array>;
}

/**
 * The content of a kernel image as LinuxKit's composer takes it: `kernel`, the bootable file, and `kernel.tar`,
 * the modules (uncompressed, so that every modprobe reads them) with depmod's tables, and device trees under `boot/dtb`.
 *
 * @throws OrlopError `debian.kernel-missing`, `debian.layer-conflict` for two kernels, `debian.unmatched-pattern` (from the
 * iterator).
 */
export async function* kernelEntries(request: KernelRequest): EntryStream {
  const { definition, section, signal } = request;
  const folder = await makeWorkFolder(request.temporaryFolder, 'kernel');
  try {
    const image = join(folder, 'image');
    const found: Found = {
      version: '',
      modified: 0,
      lists: { order: [], builtin: [], builtinInfo: [] },
      deviceTrees: new Map(),
    };
    const store = await ModuleStore.create(
      join(folder, 'modules'),
      readModules(request, { image, folder, found }),
      signal,
    );
    try {
      if (found.version === '') {
        throw debianError(
          'debian.kernel-missing',
          `no package of ${definition.image} has a boot/vmlinuz-VERSION`,
        );
      }
      const { modules, unmatched } = selectModules({
        all: store.modules,
        section,
        architecture: request.architecture,
        builtin: builtinNames(found.lists),
      });
      if (unmatched.length > 0) {
        throw debianError(
          'debian.unmatched-pattern',
          `Linux ${found.version} has not all the modules that ${definition.image} asks for`,
          {
            problems: unmatched.map(({ name, position }) => ({ message: `no module is ${name}`, position })),
          },
        );
      }
      checkDeviceTrees(request, found);
      yield await fileEntry('kernel', image, found.modified);
      const tar = join(folder, 'kernel.tar');
      const members = tarMembers({ modules, store, found });
      await pipeline(Readable.from(writeTar(members)), createWriteStream(tar, { mode: 0o600 }), { signal });
      yield await fileEntry('kernel.tar', tar, found.modified);
    } finally {
      await store.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the packages ship, and what is compiled for their kernel. */
async function* readModules(
  request: KernelRequest,
  { image, folder, found }: { readonly image: string; readonly folder: string; readonly found: Found },
): AsyncIterable<ShippedModule> {
  yield* readPackages(request, image, found);
  if (found.version !== '') yield* await request.buildModules(found.version, join(folder, 'build'));
}

async function* readPackages(
  { definition, packages, section }: KernelRequest,
  image: string,
  found: Found,
): AsyncIterable<ShippedModule> {
  const isWantedTree = compileGlobs(section.deviceTrees);
  for await (const { entries } of packages) {
    for await (const entry of entries) {
      const { header, body } = entry;
      if (header.type !== 'file') continue;
      const path = mergedPath(header.name);
      const version = /^boot\/vmlinu[xz]-(.+)$/.exec(path)?.[1];
      if (version !== undefined) {
        if (found.version !== '') throw twoKernels(definition, [found.version, version]);
        found.version = version;
        found.modified = header.mtime;
        await pipeline(Readable.from(body), createWriteStream(image, { mode: 0o600 }));
        continue;
      }
      const tree = /^usr\/lib\/linux-image-[^/]+\/(.+)$/.exec(path)?.[1];
      if (tree !== undefined && isWantedTree(tree)) {
        found.deviceTrees.set(tree, await bodyBytes(entry));
        continue;
      }
      const inFolder = /^usr\/lib\/modules\/[^/]+\/(.+)$/.exec(path)?.[1];
      if (inFolder === undefined) continue;
      if (/\.ko(\.\w+)?$/.test(inFolder)) {
        yield { path: inFolder, bytes: await bodyBytes(entry) };
      } else if (/^modules\.(order|builtin|builtin\.modinfo)$/.test(inFolder)) {
        const text = new TextDecoder().decode(await bodyBytes(entry));
        const parts = text
          .split(inFolder === 'modules.builtin.modinfo' ? '\0' : '\n')
          .filter((part) => part !== '');
        if (inFolder === 'modules.order') found.lists.order = parts;
        else if (inFolder === 'modules.builtin') found.lists.builtin = parts;
        else found.lists.builtinInfo = parts;
      }
    }
  }
}

/** Their modules would lie over each other. */
function twoKernels({ image }: ComponentDefinition, versions: readonly string[]): OrlopError {
  return debianError('debian.layer-conflict', `${image} has two kernels: ${versions.join(' and ')}`, {
    hint: 'name the package of one of them under packages',
  });
}

function checkDeviceTrees({ definition, section }: KernelRequest, { version, deviceTrees }: Found): void {
  const missing = section.deviceTrees.filter((pattern) => {
    const test = compileGlobs([pattern]);
    return ![...deviceTrees.keys()].some(test);
  });
  if (missing.length > 0)
    throw debianError(
      'debian.unmatched-pattern',
      `Linux ${version} has no device tree ${missing.join(', ')}, which ${definition.image} asks for`,
    );
}

interface TarRequest {
  readonly modules: readonly KernelModule[];
  readonly store: ModuleStore;
  readonly found: Found;
}

async function* tarMembers({ modules, store, found }: TarRequest): EntryStream {
  const base = `lib/modules/${found.version}`;
  const common = { uid: 0, gid: 0, mtime: found.modified };
  const chosen = new Set(modules.map((module) => module.path));
  const stored = store.modules
    .filter((module) => chosen.has(module.path))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const made = new Set<string>();
  const parents = function* (name: string): Generator<ArchiveEntry> {
    for (let at = name.indexOf('/'); at > 0; at = name.indexOf('/', at + 1)) {
      const folder = name.slice(0, at);
      if (made.has(folder)) continue;
      made.add(folder);
      yield {
        header: { ...common, name: folder, type: 'directory', mode: 0o755, sizeBytes: 0 },
        body: bytesBody(new Uint8Array(0)),
      };
    }
  };
  for (const module of stored) {
    const name = `${base}/${module.path}`;
    yield* parents(name);
    const header: EntryHeader = { ...common, name, type: 'file', mode: 0o644, sizeBytes: module.sizeBytes };
    yield { header, body: store.read(module) };
  }
  const texts = [
    ...[...moduleTables(modules, found.lists)].map(([table, bytes]) => [`${base}/${table}`, bytes] as const),
    ...[...found.deviceTrees]
      .map(([tree, bytes]) => [`boot/dtb/${tree}`, bytes] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  ];
  for (const [name, bytes] of texts) {
    yield* parents(name);
    yield {
      header: { ...common, name, type: 'file', mode: 0o644, sizeBytes: bytes.length },
      body: bytesBody(bytes),
    };
  }
}

function builtinNames(lists: KernelLists): ReadonlySet<string> {
  return new Set(lists.builtin.map((path) => moduleName(fileStem(path))));
}

async function fileEntry(name: string, path: string, mtime: number): Promise<ArchiveEntry> {
  const { size } = await stat(path);
  return {
    header: { name, type: 'file', mode: 0o644, uid: 0, gid: 0, sizeBytes: size, mtime },
    body: createReadStream(path),
  };
}
