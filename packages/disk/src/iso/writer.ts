import type { BlockSink } from '../block.ts';
import { roundUp } from '../bytes.ts';
import { contentPieces } from '../content.ts';
import { type ContentFile, visitContents } from '../content-visit.ts';
import { diskError } from '../errors.ts';
import { type GatheringSink, gatherWrites } from '../gather.ts';
import { Numbering } from '../numbering.ts';
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

/** A hierarchy of directories with the places of its path table, in either byte order. */
interface PlacedHierarchy {
  readonly hierarchy: Hierarchy;
  readonly pathTableBytes: number;
  readonly littleSector: number;
  readonly bigSector: number;
}

/** Where everything lies, in sectors. */
interface IsoLayout {
  /** Rock Ridge's, then Joliet's. */
  readonly hierarchies: readonly PlacedHierarchy[];
  readonly files: readonly PlannedFile[];
  /** Undefined in an image that does not boot. */
  readonly catalogSector: number | undefined;
  readonly bootImages: readonly PlacedBootImage[];
  readonly imageBytes: number;
}

async function writeImage(sink: GatheringSink, root: DirectoryNode, options: IsoOptions): Promise<number> {
  const layout = layOut(root, options);
  const { files, catalogSector, bootImages, imageBytes } = layout;
  await sink.truncate(imageBytes);
  if (options.hybrid !== undefined)
    await sink.write(0, encodeHybridMbr(options.hybrid, bootImages, imageBytes));
  await writeHierarchies(sink, layout, options);
  if (catalogSector !== undefined) await sink.write(at(catalogSector), encodeBootCatalog(bootImages));
  const patched = new Set(bootImages.filter((image) => image.infoTable).map(({ sector }) => sector));
  for (const file of files) {
    if (patched.has(file.sector))
      await sink.write(at(file.sector), patchInfoTable(await readAll(file), file.sector));
  }
  await visitContents(
    files.filter(({ sector }) => !patched.has(sector)),
    {
      visit: ({ sector }, from, bytes) => sink.put(at(sector) + from, bytes),
      step: () => sink.step(),
    },
  );
  return imageBytes;
}

/** Descriptors (primary, boot record, Joliet, terminator), boot catalog, path tables, directories, files, padding. */
function layOut(root: DirectoryNode, options: IsoOptions): IsoLayout {
  const numbering = new Numbering(root);
  const { files, places } = planFiles(numbering);
  const boot = options.boot ?? [];
  let sector = SYSTEM_AREA_SECTORS + 3 + (boot.length > 0 ? 1 : 0);
  const catalogSector = boot.length > 0 ? sector++ : undefined;
  const hierarchies = [false, true].map((joliet): PlacedHierarchy => {
    const hierarchy = new Hierarchy(joliet, root, numbering, places);
    const { pathTableBytes } = hierarchy;
    const littleSector = sector;
    const bigSector = littleSector + sectorsOf(pathTableBytes);
    sector = bigSector + sectorsOf(pathTableBytes);
    return { hierarchy, pathTableBytes, littleSector, bigSector };
  });
  for (const { hierarchy } of hierarchies) sector = hierarchy.place(sector);
  for (const file of files) {
    file.sector = sector;
    sector += sectorsOf(file.sizeBytes);
  }
  const imageBytes = roundUp(
    at(sector + PAD_SECTORS),
    options.hybrid === undefined ? ISO_SECTOR_BYTES : HYBRID_ALIGN_BYTES,
  );
  const bootImages = boot.map((image) => placeBootImage(numbering, places, image));
  return { hierarchies, files, catalogSector, bootImages, imageBytes };
}

/** The descriptors, and the path tables and directories that they lead to. */
async function writeHierarchies(sink: GatheringSink, layout: IsoLayout, options: IsoOptions): Promise<void> {
  let descriptor = SYSTEM_AREA_SECTORS;
  for (const { hierarchy, pathTableBytes, littleSector, bigSector } of layout.hierarchies) {
    await sink.write(
      at(descriptor++),
      encodeVolumeDescriptor({
        joliet: hierarchy.joliet,
        volumeId: options.volumeId,
        mtime: options.mtime ?? 0,
        totalSectors: layout.imageBytes / ISO_SECTOR_BYTES,
        pathTableBytes,
        littlePathTableSector: littleSector,
        bigPathTableSector: bigSector,
        rootRecord: hierarchy.rootRecord,
      }),
    );
    if (!hierarchy.joliet && layout.catalogSector !== undefined)
      await sink.write(at(descriptor++), encodeBootRecord(layout.catalogSector));
    await sink.write(at(littleSector), hierarchy.encodePathTable(false));
    await sink.write(at(bigSector), hierarchy.encodePathTable(true));
    for (const { offset, bytes: records } of hierarchy.finish()) {
      sink.put(offset, records);
      if (sink.full) await sink.step();
    }
  }
  await sink.write(at(descriptor), encodeTerminator());
}

/** Byte offset of a sector. */
function at(sector: number): number {
  return sector * ISO_SECTOR_BYTES;
}

/** A file whose content is stored, and where. */
class PlannedFile implements ContentFile, Placed {
  sector = 0;
  readonly #index: number;
  readonly #numbering: Numbering;

  constructor(index: number, numbering: Numbering) {
    this.#index = index;
    this.#numbering = numbering;
  }

  get node(): FileNode {
    return this.#numbering.nodes[this.#index] as FileNode;
  }

  get sizeBytes(): number {
    return this.node.sizeBytes;
  }

  get path(): string {
    return this.#numbering.pathOf(this.#index);
  }
}

/** Which contents are stored, and by the index of every file the place of its own, which has no sector yet. */
function planFiles(numbering: Numbering): {
  files: PlannedFile[];
  places: readonly (Placed | undefined)[];
} {
  const byKey = new Map<string, PlannedFile>();
  const files: PlannedFile[] = [];
  const places = numbering.nodes.map((node, index): Placed | undefined => {
    if (node.type !== 'file' || node.sizeBytes === 0) return undefined;
    const { contentKey } = node;
    const twin = contentKey === undefined ? undefined : byKey.get(contentKey);
    if (twin !== undefined) return twin;
    const file = new PlannedFile(index, numbering);
    if (contentKey !== undefined) byKey.set(contentKey, file);
    files.push(file);
    return file;
  });
  return { files, places };
}

function placeBootImage(
  numbering: Numbering,
  places: readonly (Placed | undefined)[],
  image: BootImage,
): PlacedBootImage {
  let node: TreeNode | undefined = numbering.nodes[0];
  for (const part of image.path.split('/'))
    node = node?.type === 'directory' ? node.children.get(part) : undefined;
  const placed = node === undefined ? undefined : places[numbering.indexOf(node)];
  if (placed === undefined)
    throw diskError('disk.bad-option', `the boot image "${image.path}" is no file of the tree`);
  return { ...image, sector: placed.sector, sizeBytes: placed.sizeBytes };
}

async function readAll({ path, node }: PlannedFile): Promise<Uint8Array> {
  for await (const piece of contentPieces(() => path, node, node.sizeBytes)) return piece;
  return new Uint8Array(0);
}
