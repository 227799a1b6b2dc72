import { Layout } from '../bytes.ts';
import type { GatheringSink } from '../gather.ts';
import { type BlockAllocator, setBits } from './allocator.ts';
import { chainChecksum } from './checksum.ts';
import { BLOCK_BYTES, BLOCKS_PER_GROUP, DESCRIPTOR_BYTES, INODE_BYTES } from './constants.ts';
import type { Ext4Geometry } from './geometry.ts';

const ITABLE_ZEROED = 4;

/** The groups' bitmaps and inode tables, and the inodes as they are written in the order of their numbers. */
export class GroupTables {
  readonly #sink: GatheringSink;
  readonly #geometry: Ext4Geometry;
  readonly #seed: number;
  readonly #blockBitmaps: number;
  readonly #inodeBitmaps: number;
  readonly #inodeTables: number[];
  readonly #directories: number[];
  readonly #table: Uint8Array;
  #tableGroup = 0;
  #lastInode = 0;

  constructor(sink: GatheringSink, geometry: Ext4Geometry, allocator: BlockAllocator, seed: number) {
    this.#sink = sink;
    this.#geometry = geometry;
    this.#seed = seed;
    // All groups' bitmaps together, then all tables ("flex_bg").
    this.#blockBitmaps = allocator.allocateRun(geometry.groups);
    this.#inodeBitmaps = allocator.allocateRun(geometry.groups);
    this.#inodeTables = Array.from({ length: geometry.groups }, () =>
      allocator.allocateRun(geometry.inodeTableBlocks),
    );
    this.#directories = new Array<number>(geometry.groups).fill(0);
    this.#table = new Uint8Array(geometry.inodeTableBlocks * BLOCK_BYTES);
  }

  /**
   * Where the inode's bytes go, zeros yet, to be filled in at once. Numbers ascend from call to call; those passed over
   * count as used when below the first own inode.
   */
  slot(inode: number, directory: boolean): Uint8Array {
    const group = Math.floor((inode - 1) / this.#geometry.inodesPerGroup);
    if (group !== this.#tableGroup) this.#flushTable();
    this.#tableGroup = group;
    this.#lastInode = inode;
    if (directory) this.#directories[group] = (this.#directories[group] ?? 0) + 1;
    const at = ((inode - 1) % this.#geometry.inodesPerGroup) * INODE_BYTES;
    return this.#table.subarray(at, at + INODE_BYTES);
  }

  /** Writes bitmaps; to be called last. @returns the descriptors and the totals. */
  finish(allocator: BlockAllocator): { descriptors: Uint8Array; freeBlocks: number; freeInodes: number } {
    this.#flushTable();
    const { groups, inodesPerGroup } = this.#geometry;
    const descriptors = new Uint8Array(this.#geometry.descriptorBlocks * BLOCK_BYTES);
    let freeBlocks = 0;
    for (let group = 0; group < groups; group++) {
      const used = Math.min(Math.max(this.#lastInode - group * inodesPerGroup, 0), inodesPerGroup);
      const blockBitmap = allocator.bitmap(group);
      const inodeBitmap = encodeInodeBitmap(used, inodesPerGroup);
      this.#sink.put((this.#blockBitmaps + group) * BLOCK_BYTES, blockBitmap);
      this.#sink.put((this.#inodeBitmaps + group) * BLOCK_BYTES, inodeBitmap);
      freeBlocks += allocator.freeBlocks(group);
      const descriptor = this.#encodeDescriptor(group, allocator.freeBlocks(group), inodesPerGroup - used, {
        blocks: chainChecksum(this.#seed, blockBitmap.subarray(0, BLOCKS_PER_GROUP / 8)),
        inodes: chainChecksum(this.#seed, inodeBitmap.subarray(0, inodesPerGroup / 8)),
      });
      descriptors.set(descriptor, group * DESCRIPTOR_BYTES);
    }
    return { descriptors, freeBlocks, freeInodes: groups * inodesPerGroup - this.#lastInode };
  }

  #flushTable(): void {
    const start = this.#inodeTables[this.#tableGroup] ?? 0;
    const used = Math.min(
      Math.max(this.#lastInode - this.#tableGroup * this.#geometry.inodesPerGroup, 0),
      this.#geometry.inodesPerGroup,
    );
    // What is never used stays a hole.
    this.#sink.put(start * BLOCK_BYTES, this.#table.slice(0, used * INODE_BYTES));
    this.#table.fill(0);
  }

  #encodeDescriptor(
    group: number,
    freeBlocks: number,
    freeInodes: number,
    checksums: { blocks: number; inodes: number },
  ): Uint8Array {
    const layout = new Layout(DESCRIPTOR_BYTES);
    const split = (lowAt: number, highAt: number, block: number) =>
      layout.u32le(lowAt, block % 2 ** 32).u32le(highAt, Math.floor(block / 2 ** 32));
    split(0x00, 0x20, this.#blockBitmaps + group);
    split(0x04, 0x24, this.#inodeBitmaps + group);
    split(0x08, 0x28, this.#inodeTables[group] ?? 0);
    layout
      .u16le(0x0c, freeBlocks)
      .u16le(0x0e, freeInodes)
      .u16le(0x10, this.#directories[group] ?? 0)
      .u16le(0x12, ITABLE_ZEROED)
      .u16le(0x18, checksums.blocks & 0xffff)
      .u16le(0x1a, checksums.inodes & 0xffff)
      // Inodes never used lie at the table's end.
      .u16le(0x1c, freeInodes)
      .u16le(0x38, checksums.blocks >>> 16)
      .u16le(0x3a, checksums.inodes >>> 16);
    const own = chainChecksum(this.#seed, new Layout(4).u32le(0, group).bytes);
    return layout.u16le(0x1e, chainChecksum(own, layout.bytes) & 0xffff).bytes;
  }
}

function encodeInodeBitmap(used: number, inodesPerGroup: number): Uint8Array {
  const bitmap = new Uint8Array(BLOCK_BYTES).fill(0xff, inodesPerGroup / 8);
  setBits(bitmap, 0, used);
  return bitmap;
}
