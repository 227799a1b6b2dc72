import { type ArchiveEntry, bytesBody, type EntryStream, emptyBody } from '@orlop/archive';
import type { DirectoryNode, TreeNode } from '@orlop/disk';
import { GENERATED_MTIME } from '../compose/entries.ts';
import { kitError } from '../errors.ts';
import { fileText } from './file-text.ts';
import { findNode } from './find-node.ts';

/** What a machine's root may lie on, as names of modules; those that the kernel has built in, or has not, are left out. */
const ROOT_MODULES: readonly string[] = [
  'virtio_pci',
  'virtio_mmio',
  'virtio_blk',
  'virtio_scsi',
  'nvme',
  'ahci',
  'ata_piix',
  'ata_generic',
  'sd_mod',
  'sr_mod',
  'usb_storage',
  'uas',
  'xhci_pci',
  'hv_vmbus',
  'hv_storvsc',
  'vmw_pvscsi',
  'mptspi',
  'xen_blkfront',
  'loop',
  'squashfs',
  'erofs',
  'ext4',
  'isofs',
  'overlay',
];

/** Ten thousand modules with a dozen needs each. */
const MAX_TABLE_BYTES = 8 * 2 ** 20;
/** Linux's modules need each other over a few steps. */
const MAX_DEPTH = 100;

/**
 * A small initrd that loads the modules which reach a root on a disk, and goes on there: the component
 * `boot-initrd`, and the modules of the composition itself in the order in which they need each other.
 */
export async function* firstInitrd(component: EntryStream, root: DirectoryNode): EntryStream {
  yield* component;
  const modules = await orderedModules(root);
  for (const [path, node] of modules) {
    if (node.type !== 'file') continue;
    yield* parents(path);
    yield {
      header: {
        name: path,
        type: 'file',
        mode: 0o644,
        uid: 0,
        gid: 0,
        sizeBytes: node.sizeBytes,
        mtime: GENERATED_MTIME,
      },
      body: node.open(),
    };
  }
  const list = new TextEncoder().encode(modules.map(([path]) => `/${path}\n`).join(''));
  yield {
    header: {
      name: 'modules',
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      sizeBytes: list.length,
      mtime: GENERATED_MTIME,
    },
    body: bytesBody(list),
  };
}

function* parents(path: string): Generator<ArchiveEntry> {
  const parts = path.split('/');
  for (let depth = 1; depth < parts.length; depth++) {
    const name = parts.slice(0, depth).join('/');
    yield {
      header: { name, type: 'directory', mode: 0o755, uid: 0, gid: 0, sizeBytes: 0, mtime: GENERATED_MTIME },
      body: emptyBody,
    };
  }
}

/** Path and content of each module of {@link ROOT_MODULES} and of what they need, needed ones first. */
async function orderedModules(root: DirectoryNode): Promise<(readonly [string, TreeNode])[]> {
  const found = findModules(root);
  if (found === undefined) return [];
  const { folder, path: base } = found;
  const dependencies = await readDependencies(folder, base);
  const byName = new Map([...dependencies.keys()].map((path) => [moduleName(path), path]));
  const ordered = new Map<string, TreeNode>();
  const add = (path: string, trail: readonly string[]) => {
    if (ordered.has(path)) return;
    if (trail.includes(path))
      throw kitError('kit.invalid-image', `modules.dep of the kernel has ${path} in a ring of needs`);
    if (trail.length > MAX_DEPTH)
      throw kitError(
        'kit.invalid-image',
        `modules.dep of the kernel leads from ${trail[0]} over more than ${MAX_DEPTH} needs`,
      );
    // modules.dep names what a module needs from the nearest to the farthest.
    for (const needed of [...(dependencies.get(path) ?? [])].reverse()) add(needed, [...trail, path]);
    const node = findNode(folder, path);
    if (node === undefined)
      throw kitError('kit.invalid-image', `modules.dep of the kernel names ${path}, which is not there`);
    ordered.set(path, node);
  };
  for (const name of ROOT_MODULES) {
    const path = byName.get(name);
    if (path !== undefined) add(path, []);
  }
  return [...ordered].map(([path, node]) => [`${base}/${path}`, node] as const);
}

function findModules(root: DirectoryNode): { folder: DirectoryNode; path: string } | undefined {
  for (const base of ['lib/modules', 'usr/lib/modules']) {
    const versions = findNode(root, base);
    if (versions?.type !== 'directory') continue;
    for (const [version, folder] of versions.children) {
      if (folder.type === 'directory' && folder.children.has('modules.dep'))
        return { folder, path: `${base}/${version}` };
    }
  }
  return undefined;
}

async function readDependencies(
  folder: DirectoryNode,
  base: string,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const file = folder.children.get('modules.dep');
  if (file?.type !== 'file') throw kitError('kit.invalid-image', `${base}/modules.dep is no file`);
  const text = await fileText(file, { path: `${base}/modules.dep`, maxBytes: MAX_TABLE_BYTES });
  const dependencies = new Map<string, readonly string[]>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0)
      dependencies.set(
        line.slice(0, colon),
        line
          .slice(colon + 1)
          .split(' ')
          .filter((word) => word !== ''),
      );
  }
  return dependencies;
}

function moduleName(path: string): string {
  return path
    .slice(path.lastIndexOf('/') + 1)
    .replace(/\.ko(\.[a-z0-9]+)?$/, '')
    .replaceAll('-', '_');
}
