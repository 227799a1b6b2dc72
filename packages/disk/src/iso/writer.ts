import type { BlockSink } from '../block.ts';
import { roundUp } from '../bytes.ts';
import { contentPieces } from '../content.ts';
import { diskError } from '../errors.ts';
import { gatherWrites } from '../gather.ts';
import { numberNodes } from '../numbering.ts';
import type { DirectoryNode, FileNode, TreeNode } from '../tree.ts';
import {
  type BootImage,
  encodeBootCatalog,
  encodeBootRecord,
  encodeHybridMbr,
  type HybridOptions,
  type PlacedBootImage,
  patchInfoTable,
} from './boot.ts';
import { encodeTerminator, encodeVolumeDescriptor } from './descriptors.ts';
import { ISO_SECTOR_BYTES, sectorsOf } from './fields.ts';
import { Hierarchy, type Placed } from './hierarchy.ts';

export interface IsoOptions {
  /** At most 32 characters; 16 of them in Joliet. */
  readonly volumeId: string;
  /** Seconds since 1970 of the volume. @default 0 */
  readonly mtime?: number;
  /** The first is the default entry. @default not bootable */
  readonly boot?: readonly BootImage[];
  /** Makes the image start from a disk, too. @default no */
  readonly hybrid?: HybridOptions;
}

const SYSTEM_AREA_SECTORS = 16;
const PIECE_BYTES = 1 << 20;
/** Some drives read ahead beyond the end; mkisofs pads by as much. */
const PAD_SECTORS = 150;
const HYBRID_ALIGN_BYTES = 1 << 20;

/**
 * Writes an ISO 9660 image with Rock Ridge and Joliet, and El Torito boot images. Contents stream; equal
 * contents (by `contentKey`) and hard links are stored once. @returns the image's length in bytes.
 */
export function writeIso(sink: BlockSink, root: DirectoryNode, options: IsoOptions): Promise<number> {
  return gatherWrites(sink, { unitBytes: ISO_SECTOR_BYTES }, (gathering) =>
    writeImage(gathering, root, options),
  );
}

async function writeImage(sink: BlockSink, root: DirectoryNode, options: IsoOptions): Promise<number> {
  const numbering = numberNodes(root);
  const places = new Map<TreeNode, Placed>();
  const hierarchies = [
    new Hierarchy(false, root, numbering, places),
    new Hierarchy(true, root, numbering, places),
  ];
  const boot = options.boot ?? [];

  // Descriptors: primary, boot record, Joliet, terminator.
  let sector = SYSTEM_AREA_SECTORS + 3 + (boot.length > 0 ? 1 : 0);
  const catalogSector = sector;
  if (boot.length > 0) sector++;
  const tables = hierarchies.map((hierarchy) => {
    const bytes = hierarchy.pathTableBytes;
    const little = sector;
    const big = little + sectorsOf(bytes);
    sector = big + sectorsOf(bytes);
    return { hierarchy, bytes, little, big };
  });
  for (const { hierarchy } of tables) sector = hierarchy.place(sector);
  const contents = placeFiles(numbering.nodes, places, sector);
  sector = contents.end + PAD_SECTORS;
  const imageBytes = roundUp(
    sector * ISO_SECTOR_BYTES,
    options.hybrid === undefined ? ISO_SECTOR_BYTES : HYBRID_ALIGN_BYTES,
  );
  const bootImages = boot.map((image) => placeBootImage(root, places, image));

  await sink.truncate(imageBytes);
  if (options.hybrid !== undefined)
    await sink.write(0, encodeHybridMbr(options.hybrid, bootImages, imageBytes));
  const at = (n: number) => n * ISO_SECTOR_BYTES;
  let descriptor = SYSTEM_AREA_SECTORS;
  for (const { hierarchy, bytes, little, big } of tables) {
    await sink.write(
      at(descriptor++),
      encodeVolumeDescriptor({
        joliet: hierarchy.joliet,
        volumeId: options.volumeId,
        mtime: options.mtime ?? 0,
        totalSectors: imageBytes / ISO_SECTOR_BYTES,
        pathTableBytes: bytes,
        littlePathTableSector: little,
        bigPathTableSector: big,
        rootRecord: hierarchy.rootRecord,
      }),
    );
    if (!hierarchy.joliet && boot.length > 0)
      await sink.write(at(descriptor++), encodeBootRecord(catalogSector));
    await sink.write(at(little), hierarchy.encodePathTable(false));
    await sink.write(at(big), hierarchy.encodePathTable(true));
    for (const { offset, bytes: records } of hierarchy.encode()) await sink.write(offset, records);
  }
  await sink.write(at(descriptor), encodeTerminator());
  if (boot.length > 0) await sink.write(at(catalogSector), encodeBootCatalog(bootImages));
  const patched = new Map(
    bootImages.filter((image) => image.infoTable).map((image) => [image.sector, image]),
  );
  for (const { path, node, sector: start } of contents.files) {
    if (patched.has(start)) await sink.write(at(start), patchInfoTable(await readAll(path, node), start));
    else await copyContent(sink, path, node, at(start));
  }
  return imageBytes;
}

function placeFiles(
  nodes: readonly (readonly [string, TreeNode])[],
  places: Map<TreeNode, Placed>,
  first: number,
): { files: { path: string; node: FileNode; sector: number }[]; end: number } {
  const byKey = new Map<string, Placed>();
  const files: { path: string; node: FileNode; sector: number }[] = [];
  let sector = first;
  for (const [path, node] of nodes) {
    if (node.type !== 'file') continue;
    const twin = node.contentKey === undefined ? undefined : byKey.get(node.contentKey);
    const placed = twin ?? { sector: node.sizeBytes === 0 ? 0 : sector, sizeBytes: node.sizeBytes };
    places.set(node, placed);
    if (twin !== undefined || node.sizeBytes === 0) continue;
    if (node.contentKey !== undefined) byKey.set(node.contentKey, placed);
    files.push({ path, node, sector });
    sector += sectorsOf(node.sizeBytes);
  }
  return { files, end: sector };
}

function placeBootImage(
  root: DirectoryNode,
  places: ReadonlyMap<TreeNode, Placed>,
  image: BootImage,
): PlacedBootImage {
  let node: TreeNode | undefined = root;
  for (const part of image.path.split('/'))
    node = node?.type === 'directory' ? node.children.get(part) : undefined;
  const placed = node === undefined ? undefined : places.get(node);
  if (placed === undefined || placed.sizeBytes === 0)
    throw diskError('disk.bad-option', `the boot image "${image.path}" is no file of the tree`);
  return { ...image, ...placed };
}

async function readAll(path: string, node: FileNode): Promise<Uint8Array> {
  for await (const piece of contentPieces(path, node, node.sizeBytes)) return piece;
  return new Uint8Array(0);
}

async function copyContent(sink: BlockSink, path: string, node: FileNode, start: number): Promise<void> {
  let at = start;
  for await (const piece of contentPieces(path, node, PIECE_BYTES)) {
    await sink.write(at, piece);
    at += piece.length;
  }
}
