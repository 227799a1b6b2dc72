import type { BlockSink } from '../block.ts';
import { roundUp } from '../bytes.ts';
import { contentPieces } from '../content.ts';
import { visitContents } from '../content-visit.ts';
import { diskError } from '../errors.ts';
import { type GatheringSink, gatherWrites } from '../gather.ts';
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
import type { Placed } from './directory.ts';
import { ISO_SECTOR_BYTES, sectorsOf } from './fields.ts';
import { Hierarchy } from './hierarchy.ts';

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

async function writeImage(sink: GatheringSink, root: DirectoryNode, options: IsoOptions): Promise<number> {
  const numbering = numberNodes(root);
  const { files, places } = planFiles(numbering.nodes);
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
  for (const { node, placed } of files) {
    placed.sector = sector;
    sector += sectorsOf(node.sizeBytes);
  }
  sector += PAD_SECTORS;
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
    for (const { offset, bytes: records } of hierarchy.finish()) {
      sink.put(offset, records);
      if (sink.full) await sink.step();
    }
  }
  await sink.write(at(descriptor), encodeTerminator());
  if (boot.length > 0) await sink.write(at(catalogSector), encodeBootCatalog(bootImages));
  const patched = new Map(
    bootImages.filter((image) => image.infoTable).map((image) => [image.sector, image]),
  );
  for (const { path, node, placed } of files) {
    if (patched.has(placed.sector))
      await sink.write(at(placed.sector), patchInfoTable(await readAll(path, node), placed.sector));
  }
  await visitContents(
    files.filter(({ placed }) => !patched.has(placed.sector)),
    {
      visit: ({ placed }, from, bytes) => sink.put(at(placed.sector) + from, bytes),
      step: () => sink.step(),
    },
  );
  return imageBytes;
}

/** A file whose content is stored. */
interface PlannedFile {
  readonly path: string;
  readonly node: FileNode;
  readonly placed: { sector: number; readonly sizeBytes: number };
}

/** Which contents are stored, and by every file the place of its own, which has no sector yet. */
function planFiles(nodes: readonly (readonly [string, TreeNode])[]): {
  files: PlannedFile[];
  places: ReadonlyMap<TreeNode, Placed>;
} {
  const byKey = new Map<string, Placed>();
  const places = new Map<TreeNode, Placed>();
  const files: PlannedFile[] = [];
  for (const [path, node] of nodes) {
    if (node.type !== 'file') continue;
    const { contentKey } = node;
    const twin = contentKey === undefined ? undefined : byKey.get(contentKey);
    if (twin !== undefined) {
      places.set(node, twin);
      continue;
    }
    const placed = { sector: 0, sizeBytes: node.sizeBytes };
    places.set(node, placed);
    if (node.sizeBytes === 0) continue;
    if (contentKey !== undefined) byKey.set(contentKey, placed);
    files.push({ path, node, placed });
  }
  return { files, places };
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
