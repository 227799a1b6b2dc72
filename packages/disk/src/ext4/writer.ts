import { encodeName } from '@orlop/core';
import type { BlockSink } from '../block.ts';
import { visitContents } from '../content-visit.ts';
import { diskError } from '../errors.ts';
import { type GatheringSink, gatherWrites } from '../gather.ts';
import type { Guid } from '../guid.ts';
import { directoryLinks } from '../numbering.ts';
import { encodeTarget } from '../symlink-target.ts';
import { type DirectoryNode, sortedChildren, type TreeNode } from '../tree.ts';
import { BlockAllocator } from './allocator.ts';
import { fileSystemSeed, inodeSeed } from './checksum.ts';
import {
  BLOCK_BYTES,
  BLOCKS_PER_GROUP,
  FAST_TARGET_BYTES,
  FIRST_OWN_INODE,
  fileKind,
  inodeFlag,
  JOURNAL_INODE,
  SUPERBLOCK_OFFSET,
} from './constants.ts';
import { type DirectoryEntry, encodeDirectory } from './directory.ts';
import { appendExtent, type FileExtent, writeExtentTree } from './extents.ts';
import { FileBlocks } from './file-blocks.ts';
import { type Ext4Geometry, hasBackup, planExt4 } from './geometry.ts';
import { GroupTables } from './groups.ts';
import { encodeDeviceRoot, type InodeFields, MAX_LINKS, putInode } from './inode.ts';
import { InodeOrder, type OrderedFile } from './inode-order.ts';
import { encodeJournalHead, encodeSuperblock, uuidBytes } from './superblock.ts';
import { encodeXattrs, sealXattrBlock } from './xattrs.ts';

export interface Ext4Options {
  /** The file system's size; whole blocks of 4096 bytes of it are used. See {@link ext4SizeFor}. */
  readonly sizeBytes: number;
  readonly uuid: Guid;
  /** At most 16 bytes. @default '' */
  readonly label?: string;
  /** Seconds since 1970 in the superblock. @default 0 */
  readonly mtime?: number;
  /** @default true */
  readonly journal?: boolean;
}

const MAX_NAME_BYTES = 255;

/**
 * Writes an ext4 file system (extents, 64-bit, metadata checksums, indexed directories, journal) holding
 * `root`. Contents stream; blocks of zeros become holes. Deterministic. Source: Linux,
 * Documentation/filesystems/ext4.
 */
export async function writeExt4(sink: BlockSink, root: DirectoryNode, options: Ext4Options): Promise<void> {
  const inodes = new InodeOrder(root);
  const geometry = planExt4(options.sizeBytes, FIRST_OWN_INODE + inodes.length, options.journal ?? true);
  await sink.truncate(geometry.blocks * BLOCK_BYTES);
  await gatherWrites(sink, { unitBytes: BLOCK_BYTES }, (gathering) =>
    new Ext4Writer(gathering, geometry, inodes, options).write(),
  );
}

/** What an inode needs to know about its blocks. */
type Stored = Pick<InodeFields, 'sizeBytes' | 'blocks' | 'flags' | 'root'>;

class Ext4Writer {
  readonly #sink: GatheringSink;
  readonly #geometry: Ext4Geometry;
  readonly #inodes: InodeOrder;
  readonly #options: Ext4Options;
  readonly #uuid: Uint8Array;
  readonly #hashSeed: Uint32Array;
  readonly #seed: number;
  readonly #allocator: BlockAllocator;
  readonly #groups: GroupTables;

  constructor(sink: GatheringSink, geometry: Ext4Geometry, inodes: InodeOrder, options: Ext4Options) {
    this.#sink = sink;
    this.#geometry = geometry;
    this.#inodes = inodes;
    this.#options = options;
    this.#uuid = uuidBytes(options.uuid);
    // The hash seed keeps strangers from choosing names that collide; here the tree is known beforehand.
    this.#hashSeed = new Uint32Array(this.#uuid.slice().buffer);
    this.#seed = fileSystemSeed(this.#uuid);
    this.#allocator = new BlockAllocator(geometry);
    this.#groups = new GroupTables(sink, geometry, this.#allocator, this.#seed);
  }

  async write(): Promise<void> {
    this.#writeNode(0);
    const journal = this.#writeJournal();
    await this.#writeNodes();
    const { descriptors, freeBlocks, freeInodes } = this.#groups.finish(this.#allocator);
    const fields = {
      geometry: this.#geometry,
      uuid: this.#uuid,
      hashSeed: new Uint8Array(this.#hashSeed.buffer),
      label: this.#options.label ?? '',
      mtime: this.#options.mtime ?? 0,
      freeBlocks,
      freeInodes,
      ...(journal && { journal }),
    };
    for (let group = 0; group < this.#geometry.groups; group++) {
      if (!hasBackup(group)) continue;
      const at = group * BLOCKS_PER_GROUP * BLOCK_BYTES;
      await this.#sink.write(at + (group === 0 ? SUPERBLOCK_OFFSET : 0), encodeSuperblock(fields, group));
      await this.#sink.write(at + BLOCK_BYTES, descriptors);
    }
  }

  /** All but the root, in their order: contents as they come, the other nodes between. */
  async #writeNodes(): Promise<void> {
    let next = 1;
    let open: FileBlocks | undefined;
    await visitContents(this.#inodes.filesWithContent(), {
      visit: (file, at, bytes) => {
        if (open === undefined) {
          while (next < file.position) this.#writeNode(next++);
          open = new FileBlocks(this.#sink, this.#allocator);
        }
        open.add(at / BLOCK_BYTES, bytes);
        if (at + bytes.length < file.node.sizeBytes) return;
        this.#writeInode(file.position, this.#finishFile(file, open));
        open = undefined;
        next++;
      },
      step: () => this.#sink.step(),
    });
    while (next < this.#inodes.length) {
      this.#writeNode(next++);
      if (this.#sink.full) await this.#sink.step();
    }
  }

  /** Anything but a file with content. */
  #writeNode(position: number): void {
    this.#writeInode(position, this.#store(position));
  }

  #writeInode(position: number, stored: Stored): void {
    const node = this.#inodes.nodeAt(position);
    const inode = this.#inodes.inodeAt(position);
    const xattrs = encodeXattrs(() => this.#inodes.pathAt(position), node.xattrs);
    let xattrBlock: number | undefined;
    if (xattrs.place === 'block') {
      xattrBlock = this.#allocator.allocateRun(1);
      this.#sink.put(xattrBlock * BLOCK_BYTES, sealXattrBlock(xattrs.bytes, xattrBlock, this.#seed));
    }
    const directory = node.type === 'directory';
    putInode(
      {
        ...stored,
        type: node.type,
        mode: node.mode,
        uid: node.uid,
        gid: node.gid,
        mtime: node.mtime,
        links: directory ? directoryLinks(node) : this.#namesOf(position, node),
        blocks: stored.blocks + (xattrBlock === undefined ? 0 : 1),
        ...(xattrs.place === 'inode' && { xattrs: xattrs.bytes }),
        ...(xattrBlock !== undefined && { xattrBlock }),
      },
      inodeSeed(this.#seed, inode),
      this.#groups.slot(inode, directory),
    );
  }

  /** How many names a node has that is no directory. */
  #namesOf(position: number, node: TreeNode): number {
    const names = this.#inodes.namesOf(node);
    if (names > MAX_LINKS)
      throw diskError(
        'disk.too-large',
        `"/${this.#inodes.pathAt(position)}" has ${names} names; on ext4 a file has ${MAX_LINKS}`,
      );
    return names;
  }

  #store(position: number): Stored {
    const node = this.#inodes.nodeAt(position);
    const inode = this.#inodes.inodeAt(position);
    switch (node.type) {
      case 'directory':
        return this.#storeDirectory(position, node);
      case 'file':
        return { sizeBytes: 0, ...this.#extentTree(inode, [], 0) };
      case 'symlink':
        return this.#storeSymlink(position, node.target);
      case 'char':
      case 'block':
        return { sizeBytes: 0, blocks: 0, flags: 0, root: encodeDeviceRoot(node.major, node.minor) };
      case 'fifo':
        return { sizeBytes: 0, blocks: 0, flags: 0, root: new Uint8Array(0) };
    }
  }

  #storeDirectory(position: number, node: DirectoryNode): Stored {
    const inode = this.#inodes.inodeAt(position);
    const entries = sortedChildren(node).map(([name, child]): DirectoryEntry => {
      if (name.length > MAX_NAME_BYTES / 3 && encodeName(name).length > MAX_NAME_BYTES)
        throw diskError(
          'disk.bad-name',
          `"${name}" in "/${this.#inodes.pathAt(position)}" is longer than ${MAX_NAME_BYTES} bytes`,
        );
      return { name, inode: this.#inodes.inodeOf(child), kind: fileKind[child.type].entry };
    });
    const parent = this.#inodes.parentInode(position);
    const seed = inodeSeed(this.#seed, inode);
    const { blocks, indexed } = encodeDirectory(entries, { inode, parent, seed, hashSeed: this.#hashSeed });
    const extents: FileExtent[] = [];
    let written = 0;
    for (const run of this.#allocator.allocate(blocks.length)) {
      for (let i = 0; i < run.count; i++)
        this.#sink.put((run.start + i) * BLOCK_BYTES, blocks[written + i] as Uint8Array);
      appendExtent(extents, { logical: written, start: run.start, count: run.count });
      written += run.count;
    }
    const tree = this.#extentTree(inode, extents, blocks.length);
    return {
      ...tree,
      sizeBytes: blocks.length * BLOCK_BYTES,
      flags: tree.flags | (indexed ? inodeFlag.index : 0),
    };
  }

  #finishFile({ node, position }: OrderedFile, { extents, used }: FileBlocks): Stored {
    const inode = this.#inodes.inodeAt(position);
    return { sizeBytes: node.sizeBytes, ...this.#extentTree(inode, extents, used) };
  }

  #extentTree(inode: number, extents: readonly FileExtent[], used: number): Omit<Stored, 'sizeBytes'> {
    const seed = inodeSeed(this.#seed, inode);
    const { root, treeBlocks } = writeExtentTree(this.#sink, this.#allocator, extents, seed);
    return { blocks: used + treeBlocks, flags: inodeFlag.extents, root };
  }

  #storeSymlink(position: number, target: string): Stored {
    const bytes = encodeTarget(() => this.#inodes.pathAt(position), target);
    if (bytes.length <= FAST_TARGET_BYTES)
      return { sizeBytes: bytes.length, blocks: 0, flags: 0, root: bytes };
    const start = this.#allocator.allocateRun(1);
    this.#sink.put(start * BLOCK_BYTES, bytes);
    const inode = this.#inodes.inodeAt(position);
    return { sizeBytes: bytes.length, ...this.#extentTree(inode, [{ logical: 0, start, count: 1 }], 1) };
  }

  #writeJournal(): { root: Uint8Array; sizeBytes: number } | undefined {
    const { journalBlocks } = this.#geometry;
    if (journalBlocks === 0) return undefined;
    const extents: FileExtent[] = [];
    let logical = 0;
    for (const run of this.#allocator.allocate(journalBlocks)) {
      appendExtent(extents, { logical, start: run.start, count: run.count });
      logical += run.count;
    }
    this.#sink.put(
      (extents[0]?.start ?? 0) * BLOCK_BYTES,
      encodeJournalHead(journalBlocks, this.#uuid, BLOCK_BYTES),
    );
    const tree = this.#extentTree(JOURNAL_INODE, extents, journalBlocks);
    const sizeBytes = journalBlocks * BLOCK_BYTES;
    putInode(
      {
        ...tree,
        type: 'file',
        mode: 0o600,
        uid: 0,
        gid: 0,
        mtime: this.#options.mtime ?? 0,
        links: 1,
        sizeBytes,
      },
      inodeSeed(this.#seed, JOURNAL_INODE),
      this.#groups.slot(JOURNAL_INODE, false),
    );
    return { root: tree.root, sizeBytes };
  }
}
