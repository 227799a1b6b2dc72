import type { BlockSink } from '../block.ts';
import { Layout } from '../bytes.ts';
import { type BlockAllocator, setBit } from './allocator.ts';
import { chainChecksum } from './checksum.ts';
import { BLOCK_BYTES, BLOCKS_PER_GROUP, DESCRIPTOR_BYTES, INODE_BYTES } from './constants.ts';
import type { Ext4Geometry } from './geometry.ts';

const ITABLE_ZEROED = 4;

/** The groups' bitmaps and inode tables, and the inodes as they are written in the order of their numbers. */
export class GroupTables {
  readonly #sink: BlockSink;
  readonly #geometry: Ext4Geometry;
  readonly #seed: number;
  readonly #blockBitmaps: number;
  readonly #inodeBitmaps: number;
  readonly #inodeTables: number[];
  readonly #directories: number[];
  readonly #table: Uint8Array;
  #tableGroup = 0;
  #lastInode = 0;

  constructor(sink: BlockSink, geometry: Ext4Geometry, allocator: BlockAllocator, seed: number) {
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

  /** Numbers ascend from call to call; those passed over count as used when below the first own inode. */
  async writeInode(inode: number, bytes: Uint8Array, directory: boolean): Promise<void> {
    const group = Math.floor((inode - 1) / this.#geometry.inodesPerGroup);
    if (group !== this.#tableGroup) await this.#flushTable();
    this.#tableGroup = group;
    this.#table.set(bytes, ((inode - 1) % this.#geometry.inodesPerGroup) * INODE_BYTES);
    this.#lastInode = inode;
    if (directory) this.#directories[group] = (this.#directories[group] ?? 0) + 1;
  }

  /** Writes bitmaps; to be called last. @returns the descriptors and the totals. */
  async finish(
    allocator: BlockAllocator,
  ): Promise<{ descriptors: Uint8Array; freeBlocks: number; freeInodes: number }> {
    await this.#flushTable();
    const { groups, inodesPerGroup } = this.#geometry;
    const descriptors = new Uint8Array(this.#geometry.descriptorBlocks * BLOCK_BYTES);
    let freeBlocks = 0;
    for (let group = 0; group < groups; group++) {
      const used = Math.min(Math.max(this.#lastInode - group * inodesPerGroup, 0), inodesPerGroup);
      const blockBitmap = allocator.bitmap(group);
      const inodeBitmap = encodeInodeBitmap(used, inodesPerGroup);
      await this.#sink.write((this.#blockBitmaps + group) * BLOCK_BYTES, blockBitmap);
      await this.#sink.write((this.#inodeBitmaps + group) * BLOCK_BYTES, inodeBitmap);
      freeBlocks += allocator.freeBlocks(group);
      const descriptor = this.#encodeDescriptor(group, allocator.freeBlocks(group), inodesPerGroup - used, {
        blocks: chainChecksum(this.#seed, blockBitmap.subarray(0, BLOCKS_PER_GROUP / 8)),
        inodes: chainChecksum(this.#seed, inodeBitmap.subarray(0, inodesPerGroup / 8)),
      });
      descriptors.set(descriptor, group * DESCRIPTOR_BYTES);
    }
    return { descriptors, freeBlocks, freeInodes: groups * inodesPerGroup - this.#lastInode };
  }

  async #flushTable(): Promise<void> {
    const start = this.#inodeTables[this.#tableGroup] ?? 0;
    const used = Math.min(
      Math.max(this.#lastInode - this.#tableGroup * this.#geometry.inodesPerGroup, 0),
      this.#geometry.inodesPerGroup,
    );
    // What is never used stays a hole.
    await this.#sink.write(start * BLOCK_BYTES, this.#table.slice(0, used * INODE_BYTES));
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
  for (let bit = 0; bit < used; bit++) setBit(bitmap, bit);
  return bitmap;
}
