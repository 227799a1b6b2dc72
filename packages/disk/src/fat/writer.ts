import type { BlockSink } from '../block.ts';
import { roundUp } from '../bytes.ts';
import { type ContentFile, visitContents } from '../content-visit.ts';
import { diskError } from '../errors.ts';
import { type GatheringSink, gatherWrites } from '../gather.ts';
import { joinPath } from '../numbering.ts';
import { SECTOR_BYTES } from '../partition/mbr.ts';
import { type DirectoryNode, type FileNode, sortedChildren, type TreeNode } from '../tree.ts';
import { BACKUP_BOOT_SECTOR, encodeBootSector, encodeFsInfo } from './boot-sector.ts';
import { DirectoryEncoder, type FatEntry } from './directory.ts';
import {
  DIRECTORY_ENTRY_BYTES,
  FAT_COPIES,
  type FatBits,
  type FatGeometry,
  findFat,
  planFat,
} from './geometry.ts';
import { assignNames, entriesOf, type FatName } from './name.ts';
import { FatTable } from './table.ts';

export interface FatOptions {
  /** The volume's size; whole sectors of it are used. See {@link fatSizeFor}. */
  readonly sizeBytes: number;
  /** At most 11 characters, upper case. @default none */
  readonly label?: string;
  /** The serial number that mounts by `UUID=` use. @default 0 */
  readonly volumeId?: number;
  /** @default the smallest that fits */
  readonly bits?: FatBits;
  /** @default by size */
  readonly sectorsPerCluster?: number;
  /** Sectors before the volume on its disk. @default 0 */
  readonly hiddenSectors?: number;
  /**
   * The boot sector's code, once it is known where each file lies: 512 bytes, of which those at the place of the
   * volume's parameters do not count. @default none
   */
  readonly bootCode?: (fileOffset: FileOffset) => Uint8Array;
}

/** Where the content of the file with that path lies: byte offset in the volume. Files lie in one piece. */
export type FileOffset = (path: string) => number | undefined;

export interface FatResult {
  readonly geometry: FatGeometry;
  readonly fileOffset: FileOffset;
}

/** Entries of the fixed root directory of FAT12 and 16, as common for hard disks. */
const ROOT_ENTRIES = 512;
const MAX_FILE_BYTES = 0xffff_ffff;
/** A folder is at most 2 MiB long: Microsoft FAT specification 1.03, "FAT Directory Structure". */
const MAX_DIRECTORY_ENTRIES = 65_536;

interface PlannedDirectory {
  readonly path: string;
  readonly node: DirectoryNode;
  readonly names: readonly FatName[];
  readonly children: readonly [string, TreeNode][];
  readonly entryCount: number;
}

/** One of a directory's children. */
class PlacedFile implements ContentFile {
  /** 0 for a file without content. */
  readonly cluster: number;
  readonly #directory: PlannedDirectory;
  readonly #index: number;

  constructor(directory: PlannedDirectory, index: number, cluster: number) {
    this.#directory = directory;
    this.#index = index;
    this.cluster = cluster;
  }

  get path(): string {
    return joinPath(this.#directory.path, this.#child[0]);
  }

  get node(): FileNode {
    return this.#child[1] as FileNode;
  }

  get #child(): readonly [string, TreeNode] {
    return this.#directory.children[this.#index] as readonly [string, TreeNode];
  }
}

/** Where everything lies. */
interface FatLayout {
  readonly geometry: FatGeometry;
  readonly table: FatTable;
  /** The root first. */
  readonly directories: readonly PlannedDirectory[];
  /** In the order in which the directories' entries name them. */
  readonly files: readonly PlacedFile[];
  /** Of a directory; none of the fixed root of FAT12 and 16. */
  readonly clusterOf: ReadonlyMap<TreeNode, number>;
  readonly label: string;
}

/**
 * Writes a FAT12, FAT16 or FAT32 file system holding `root`: directories and files only (others are refused),
 * every chain in one piece, deterministic. Source: Microsoft FAT specification 1.03.
 */
export async function writeFat(
  sink: BlockSink,
  root: DirectoryNode,
  options: FatOptions,
): Promise<FatResult> {
  const layout = layOut(root, options);
  const { geometry, files } = layout;
  const fileOffset = (path: string) => {
    const file = files.find((one) => one.cluster !== 0 && one.path === path);
    return file && offsetOf(geometry, file.cluster);
  };
  await sink.truncate(geometry.totalSectors * SECTOR_BYTES);
  await writeReserved(sink, layout, {
    label: layout.label,
    volumeId: options.volumeId ?? 0,
    hiddenSectors: options.hiddenSectors ?? 0,
    code: options.bootCode?.(fileOffset),
  });
  const unitBytes = geometry.sectorsPerCluster * SECTOR_BYTES;
  await gatherWrites(sink, { unitBytes, firstUnit: offsetOf(geometry, 2) }, async (gathering) => {
    await writeDirectories(gathering, layout);
    await visitContents(files, {
      visit: ({ cluster }, at, bytes) => gathering.put(offsetOf(geometry, cluster) + at, bytes),
      step: () => gathering.step(),
    });
  });
  return { geometry, fileOffset };
}

/** Directories before files. */
function layOut(root: DirectoryNode, options: FatOptions): FatLayout {
  const label = options.label ?? '';
  const directories = planDirectories(root, label !== '');
  const [rootPlan] = directories;
  const geometry = planFat(options.sizeBytes, Math.max(ROOT_ENTRIES, rootPlan?.entryCount ?? 0), options);
  const clusterBytes = geometry.sectorsPerCluster * SECTOR_BYTES;
  const table = new FatTable(geometry);
  const clusterOf = new Map<TreeNode, number>();
  for (const plan of directories) {
    if (plan === rootPlan && geometry.bits !== 32) continue;
    const bytes = Math.max(plan.entryCount * DIRECTORY_ENTRY_BYTES, 1);
    clusterOf.set(plan.node, table.allocate(Math.ceil(bytes / clusterBytes)));
  }
  const files: PlacedFile[] = [];
  for (const plan of directories) {
    for (const [index, [, node]] of plan.children.entries()) {
      if (node.type !== 'file') continue;
      // A hard link is a second file here: FAT cannot share.
      const cluster = node.sizeBytes === 0 ? 0 : table.allocate(Math.ceil(node.sizeBytes / clusterBytes));
      files.push(new PlacedFile(plan, index, cluster));
    }
  }
  return { geometry, table, directories, files, clusterOf, label };
}

/** Byte offset of a cluster in the volume. */
function offsetOf({ dataSector, sectorsPerCluster }: FatGeometry, cluster: number): number {
  return (dataSector + (cluster - 2) * sectorsPerCluster) * SECTOR_BYTES;
}

/** What lies before the data: boot sector, summary and their copies, and the allocation tables. */
async function writeReserved(
  sink: BlockSink,
  { geometry, table }: FatLayout,
  bootOptions: Parameters<typeof encodeBootSector>[1],
): Promise<void> {
  const boot = encodeBootSector(geometry, bootOptions);
  await sink.write(0, boot);
  if (geometry.bits === 32) {
    const info = encodeFsInfo(geometry.clusters - table.used, table.used + 2);
    await sink.write(SECTOR_BYTES, info);
    await sink.write(BACKUP_BOOT_SECTOR * SECTOR_BYTES, boot);
    await sink.write((BACKUP_BOOT_SECTOR + 1) * SECTOR_BYTES, info);
  }
  const fat = table.encode();
  for (let copy = 0; copy < FAT_COPIES; copy++) {
    await sink.write((geometry.reservedSectors + copy * geometry.sectorsPerFat) * SECTOR_BYTES, fat);
  }
}

async function writeDirectories(sink: GatheringSink, layout: FatLayout): Promise<void> {
  const { geometry, directories, files, clusterOf, label } = layout;
  const encoder = new DirectoryEncoder();
  const directoryByPath = new Map(directories.map((plan) => [plan.path, plan.node]));
  let file = 0;
  for (const plan of directories) {
    const entries = plan.children.map(([, node], i): FatEntry => {
      const directory = node.type === 'directory';
      return {
        name: plan.names[i] as FatName,
        directory,
        readOnly: (node.mode & 0o222) === 0,
        mtime: node.mtime,
        firstCluster: (directory ? clusterOf.get(node) : files[file++]?.cluster) ?? 0,
        sizeBytes: node.type === 'file' ? node.sizeBytes : 0,
      };
    });
    const isRoot = plan.path === '';
    const bytes = encoder.encode(
      isRoot ? [] : dotEntries(plan, directoryByPath, clusterOf),
      isRoot && label !== '' ? label : undefined,
      entries,
    );
    const cluster = clusterOf.get(plan.node);
    const fixedRoot = (geometry.reservedSectors + FAT_COPIES * geometry.sectorsPerFat) * SECTOR_BYTES;
    await sink.write(cluster === undefined ? fixedRoot : offsetOf(geometry, cluster), bytes);
  }
}

/** A size that holds `root` with `freeBytes` to spare, in whole MiB: as small as the layout of that size allows. */
export function fatSizeFor(root: DirectoryNode, freeBytes = 0): number {
  const plans = planDirectories(root, true);
  const rootEntries = Math.max(ROOT_ENTRIES, plans[0]?.entryCount ?? 0);
  const clustersOf = (clusterBytes: number) => {
    let clusters = Math.ceil(freeBytes / clusterBytes);
    for (const plan of plans) {
      clusters += Math.ceil((plan.entryCount * DIRECTORY_ENTRY_BYTES) / clusterBytes);
      for (const [, node] of plan.children)
        if (node.type === 'file') clusters += Math.ceil(node.sizeBytes / clusterBytes);
    }
    return clusters;
  };
  const mebibyte = 1 << 20;
  let sizeBytes = roundUp(clustersOf(SECTOR_BYTES) * SECTOR_BYTES, mebibyte);
  for (;;) {
    const geometry = findFat(sizeBytes, rootEntries, {});
    const clusterBytes = (geometry?.sectorsPerCluster ?? 1) * SECTOR_BYTES;
    const needed = clustersOf(clusterBytes);
    if (geometry !== undefined && needed <= geometry.clusters) return sizeBytes;
    const atLeast = (geometry?.dataSector ?? 0) * SECTOR_BYTES + needed * clusterBytes;
    sizeBytes = Math.max(sizeBytes + mebibyte, roundUp(atLeast, mebibyte));
  }
}

function planDirectories(root: DirectoryNode, labelled: boolean): PlannedDirectory[] {
  const plans: PlannedDirectory[] = [];
  const walk = (path: string, node: DirectoryNode) => {
    const children = sortedChildren(node);
    for (const [name, child] of children) checkNode(joinPath(path, name), child);
    const names = assignNames(
      children.map(([name]) => name),
      path,
    );
    const extra = path === '' ? (labelled ? 1 : 0) : 2;
    const entryCount = names.reduce((sum, name) => sum + entriesOf(name), extra);
    if (entryCount > MAX_DIRECTORY_ENTRIES)
      throw diskError(
        'disk.too-large',
        `"/${path}" takes ${entryCount} directory entries; a folder of a FAT file system has ${MAX_DIRECTORY_ENTRIES}`,
        {
          hint: 'spread its files over several folders; a name beyond 8.3 takes an entry for every 13 characters',
        },
      );
    plans.push({ path, node, names, children, entryCount });
    for (const [name, child] of children) if (child.type === 'directory') walk(joinPath(path, name), child);
  };
  walk('', root);
  return plans;
}

function checkNode(path: string, node: TreeNode): void {
  if (node.type !== 'file' && node.type !== 'directory') {
    throw diskError(
      'disk.unsupported-node',
      `"/${path}" is a ${node.type}, which a FAT file system cannot hold`,
    );
  }
  if (node.type === 'file' && node.sizeBytes > MAX_FILE_BYTES) {
    throw diskError(
      'disk.too-large',
      `"/${path}" has ${node.sizeBytes} bytes; a FAT file system holds files up to 4 GiB`,
    );
  }
}

function dotEntries(
  plan: PlannedDirectory,
  directoryByPath: ReadonlyMap<string, DirectoryNode>,
  clusterOf: ReadonlyMap<TreeNode, number>,
): FatEntry[] {
  const parentPath = plan.path.slice(0, Math.max(plan.path.lastIndexOf('/'), 0));
  // `..` of a directory in the root says cluster 0, with FAT32 too.
  const parentNode = parentPath === '' ? undefined : directoryByPath.get(parentPath);
  const dot = { directory: true, readOnly: false, mtime: plan.node.mtime, sizeBytes: 0 };
  return [
    { ...dot, name: { short: '.'.padEnd(11) }, firstCluster: clusterOf.get(plan.node) ?? 0 },
    {
      ...dot,
      name: { short: '..'.padEnd(11) },
      firstCluster: parentNode === undefined ? 0 : (clusterOf.get(parentNode) ?? 0),
    },
  ];
}
