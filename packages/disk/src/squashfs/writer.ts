import { encodeName, IntColumn } from '@orlop/core';
import type { BlockSink } from '../block.ts';
import { Layout, roundUp } from '../bytes.ts';
import type { BlockCompressor } from '../compressor.ts';
import { diskError } from '../errors.ts';
import { gatherWrites } from '../gather.ts';
import { joinPath, Numbering } from '../numbering.ts';
import { encodeTarget } from '../symlink-target.ts';
import { type DirectoryNode, sortedChildren, type TreeNode } from '../tree.ts';
import {
  compressionId,
  inodeType,
  NO_TABLE,
  SQUASHFS_MAGIC,
  SUPERBLOCK_BYTES,
  superblockFlag,
} from './constants.ts';
import { DataWriter, type StoredContent } from './data.ts';
import {
  encodeDirectoryInode,
  encodeFileInode,
  encodeSpecialInode,
  encodeSymlinkInode,
  type InodeContext,
} from './inode.ts';
import { encodeListing, type ListedEntry } from './listing.ts';
import { encodeLookupTable, type MetadataPosition, MetadataTable } from './metadata.ts';
import { XattrTable } from './xattrs.ts';

export interface SquashfsOptions {
  readonly compressor: BlockCompressor;
  /** Power of two, 4 KiB to 1 MiB. @default 131072 */
  readonly blockBytes?: number;
  /** Seconds since 1970 in the superblock. @default 0 */
  readonly mtime?: number;
  /** The length is rounded up to this, as a device's would be. @default 4096 */
  readonly padBytes?: number;
}

const DEFAULT_BLOCK_BYTES = 128 * 1024;
/** The format would hold one more, which Linux could not look up. */
const MAX_NAME_BYTES = 255;
/** Users and groups together: the superblock counts them in 16 bits. */
const MAX_IDS = 65_535;

/**
 * Writes a squashfs 4.0 image of `root`. Contents are compressed side by side and stored once per
 * `contentKey`; memory holds metadata only. Source: Linux, fs/squashfs.
 *
 * @returns the image's length in bytes.
 */
export function writeSquashfs(
  sink: BlockSink,
  root: DirectoryNode,
  options: SquashfsOptions,
): Promise<number> {
  return gatherWrites(sink, {}, (gathering) => writeImage(gathering, root, options));
}

async function writeImage(sink: BlockSink, root: DirectoryNode, options: SquashfsOptions): Promise<number> {
  const { compressor, blockBytes = DEFAULT_BLOCK_BYTES } = options;
  if (blockBytes < 4096 || blockBytes > 1 << 20 || (blockBytes & (blockBytes - 1)) !== 0) {
    throw diskError(
      'disk.bad-option',
      `squashfs block of ${blockBytes} bytes; it is a power of two from 4096 to 1048576`,
    );
  }
  const numbering = new Numbering(root);
  const data = new DataWriter(sink, { start: SUPERBLOCK_BYTES, blockBytes, compressor });
  const contents = new IntColumn(-1);
  for (const [index, node] of numbering.nodes.entries())
    if (node.type === 'file') contents.set(index, await data.add(() => numbering.pathOf(index), node));
  const { end: dataEnd, fragments, fragmentCount } = await data.finish();

  const tables = new InodeTables(compressor, numbering, (index) => data.stored(contents.get(index)));
  const rootPosition = await tables.writeDirectory('', root, numbering.nodes.length + 1);
  const inodes = await tables.inodes.finish();
  const listings = await tables.listings.finish();

  let at = dataEnd;
  const place = async (bytes: Uint8Array): Promise<number> => {
    const start = at;
    await sink.write(start, bytes);
    at += bytes.length;
    return start;
  };
  const inodeStart = await place(inodes.bytes);
  const directoryStart = await place(listings.bytes);
  const lookup = async (entries: Uint8Array): Promise<number> => {
    const { bytes, indexStart } = await encodeLookupTable(compressor, entries, at);
    await place(bytes);
    return indexStart;
  };
  const fragmentStart = fragmentCount === 0 ? NO_TABLE : await lookup(fragments);
  const exportStart = await lookup(tables.encodeExports());
  const idStart = await lookup(tables.encodeIds());
  let xattrStart = NO_TABLE;
  if (tables.xattrs.count > 0) {
    const { bytes, headerStart } = await tables.xattrs.finish(at);
    await place(bytes);
    xattrStart = headerStart;
  }

  const superblock = encodeSuperblock({
    inodeCount: numbering.nodes.length,
    mtime: options.mtime ?? 0,
    blockBytes,
    fragmentCount,
    compression: compressor.kind,
    hasDuplicates: data.duplicates > 0,
    idCount: tables.idCount,
    rootPosition,
    bytesUsed: at,
    tableStarts: [idStart, xattrStart, inodeStart, directoryStart, fragmentStart, exportStart],
  });
  await sink.write(0, superblock);
  const sizeBytes = roundUp(at, options.padBytes ?? 4096);
  await sink.truncate(sizeBytes);
  return sizeBytes;
}

interface SuperblockFields {
  readonly inodeCount: number;
  readonly mtime: number;
  readonly blockBytes: number;
  readonly fragmentCount: number;
  readonly compression: BlockCompressor['kind'];
  readonly hasDuplicates: boolean;
  readonly idCount: number;
  readonly rootPosition: MetadataPosition;
  readonly bytesUsed: number;
  /** Of ids, attributes, inodes, directories, fragments and exports; {@link NO_TABLE} for one that is absent. */
  readonly tableStarts: readonly [number, number, number, number, number, number];
}

/** fs/squashfs/squashfs_fs.h, struct squashfs_super_block. */
function encodeSuperblock(fields: SuperblockFields): Uint8Array {
  const { blockBytes, rootPosition, tableStarts } = fields;
  const superblock = new Layout(SUPERBLOCK_BYTES)
    .u32le(0, SQUASHFS_MAGIC)
    .u32le(4, fields.inodeCount)
    .u32le(8, fields.mtime)
    .u32le(12, blockBytes)
    .u32le(16, fields.fragmentCount)
    .u16le(20, compressionId[fields.compression])
    .u16le(22, Math.log2(blockBytes))
    .u16le(
      24,
      superblockFlag.exportable |
        (fields.hasDuplicates ? superblockFlag.duplicates : 0) |
        (Number.isNaN(tableStarts[1]) ? superblockFlag.noXattrs : 0),
    )
    .u16le(26, fields.idCount)
    .u16le(28, 4)
    .u16le(30, 0)
    .u64le(32, rootPosition.block * 0x10000 + rootPosition.offset)
    .u64le(40, fields.bytesUsed);
  tableStarts.forEach((start, i) => {
    const field = 48 + i * 8;
    if (Number.isNaN(start)) superblock.u32le(field, 0xffff_ffff).u32le(field + 4, 0xffff_ffff);
    else superblock.u64le(field, start);
  });
  return superblock.bytes;
}

/** The tables of inodes and directories, written children first. */
class InodeTables {
  readonly inodes: MetadataTable;
  readonly listings: MetadataTable;
  readonly xattrs: XattrTable;
  readonly #numbering: Numbering;
  /** By index of a file. */
  readonly #contentOf: (index: number) => StoredContent;
  /** Owners, and where each stands in the table. */
  readonly #ids = new Map<number, number>();
  /** By index, where an inode lies as a reference to it says it; NaN where it has no place yet. */
  readonly #references: Float64Array;

  constructor(
    compressor: BlockCompressor,
    numbering: Numbering,
    contentOf: (index: number) => StoredContent,
  ) {
    this.inodes = new MetadataTable(compressor);
    this.listings = new MetadataTable(compressor);
    this.xattrs = new XattrTable(compressor);
    this.#numbering = numbering;
    this.#contentOf = contentOf;
    this.#references = new Float64Array(numbering.nodes.length).fill(Number.NaN);
  }

  get idCount(): number {
    return this.#ids.size;
  }

  async writeDirectory(path: string, node: DirectoryNode, parent: number): Promise<MetadataPosition> {
    const number = this.#number(node);
    const entries: ListedEntry[] = [];
    let subdirectories = 0;
    for (const [name, child] of sortedChildren(node)) {
      const childPath = joinPath(path, name);
      if (encodeName(name).length > MAX_NAME_BYTES)
        throw diskError('disk.bad-name', `"/${childPath}": the name is longer than ${MAX_NAME_BYTES} bytes`);
      if (child.type === 'directory') subdirectories++;
      const inode =
        child.type === 'directory'
          ? await this.writeDirectory(childPath, child, number)
          : await this.#writeLeaf(childPath, child);
      entries.push({ name, inode, number: this.#number(child), type: inodeType[child.type] });
    }
    const bytes = encodeListing(entries);
    const listing = this.listings.position;
    await this.listings.append(bytes);
    const context = await this.#context(path, node, 2 + subdirectories);
    return this.#append(
      node,
      encodeDirectoryInode(node, context, { listing, listingBytes: bytes.length, parent }),
    );
  }

  /** Inode references by number, for NFS export. */
  encodeExports(): Uint8Array {
    const layout = new Layout(this.#references.length * 8);
    this.#references.forEach((reference, i) => {
      layout.u64le(i * 8, reference);
    });
    return layout.bytes;
  }

  encodeIds(): Uint8Array {
    const layout = new Layout(this.#ids.size * 4);
    for (const [id, index] of this.#ids) layout.u32le(index * 4, id);
    return layout.bytes;
  }

  async #writeLeaf(path: string, node: Exclude<TreeNode, DirectoryNode>): Promise<MetadataPosition> {
    const known = this.#references[this.#numbering.indexOf(node)] as number;
    if (!Number.isNaN(known)) return { block: Math.floor(known / 0x10000), offset: known % 0x10000 };
    const context = await this.#context(path, node, this.#numbering.namesOf(node));
    return this.#append(node, this.#encodeLeaf(path, node, context));
  }

  #encodeLeaf(path: string, node: Exclude<TreeNode, DirectoryNode>, context: InodeContext): Uint8Array {
    if (node.type === 'symlink')
      return encodeSymlinkInode(
        node,
        context,
        encodeTarget(() => path, node.target),
      );
    if (node.type !== 'file') return encodeSpecialInode(node, context);
    return encodeFileInode(node, context, this.#contentOf(this.#numbering.indexOf(node)));
  }

  async #append(node: TreeNode, bytes: Uint8Array): Promise<MetadataPosition> {
    const place = this.inodes.position;
    this.#references[this.#numbering.indexOf(node)] = place.block * 0x10000 + place.offset;
    await this.inodes.append(bytes);
    return place;
  }

  async #context(path: string, node: TreeNode, links: number): Promise<InodeContext> {
    const xattrs = await this.xattrs.add(path, node.xattrs);
    return {
      number: this.#number(node),
      links,
      uidIndex: this.#idIndex(node.uid),
      gidIndex: this.#idIndex(node.gid),
      xattrs,
    };
  }

  #number(node: TreeNode): number {
    return this.#numbering.indexOf(node) + 1;
  }

  #idIndex(id: number): number {
    const known = this.#ids.get(id);
    if (known !== undefined) return known;
    const index = this.#ids.size;
    if (index === MAX_IDS)
      throw diskError(
        'disk.too-large',
        `the tree has more than ${MAX_IDS} owners, which squashfs cannot count`,
      );
    this.#ids.set(id, index);
    return index;
  }
}
