import { encodeName } from '@orlop/core';
import type { BlockSink } from '../block.ts';
import { isZero, Layout } from '../bytes.ts';
import { type ContentFile, visitContents } from '../content-visit.ts';
import { diskError } from '../errors.ts';
import { chainChecksum } from '../ext4/checksum.ts';
import { uuidBytes } from '../ext4/superblock.ts';
import { type GatheringSink, gatherWrites } from '../gather.ts';
import type { Guid } from '../guid.ts';
import { Numbering } from '../numbering.ts';
import type { DirectoryNode, FileNode, TreeNode } from '../tree.ts';
import { BLOCK_BITS, BLOCK_BYTES, INODE_BYTES, SLOT_BYTES, SUPERBLOCK_OFFSET } from './constants.ts';
import { encodeInode } from './inode.ts';
import { type ErofsPlan, type PlannedInode, planErofs } from './plan.ts';

export interface ErofsOptions {
  readonly uuid: Guid;
  /** At most 16 bytes. @default '' */
  readonly label?: string;
  /** Seconds since 1970 in the superblock. @default 0 */
  readonly mtime?: number;
}

const MAGIC = 0xe0f5e1e2;
const COMPATIBLE_CHECKSUM = 1;
const COMPATIBLE_MTIME = 2;
const MAX_LABEL_BYTES = 16;

/**
 * Writes an EROFS image of `root`, not compressed: whole blocks of content, the rest of each file behind its inode,
 * equal contents (by `contentKey`) once. Contents stream; memory holds metadata only. Source: Linux,
 * Documentation/filesystems/erofs.rst.
 *
 * @returns the image's length in bytes.
 */
export async function writeErofs(
  sink: BlockSink,
  root: DirectoryNode,
  options: ErofsOptions,
): Promise<number> {
  const numbering = new Numbering(root);
  const plan = planErofs(numbering);
  const superblock = encodeSuperblock(plan, options);
  await sink.truncate(plan.blocks * BLOCK_BYTES);
  await sink.write(SUPERBLOCK_OFFSET, superblock);
  // Inodes and contents are two streams that ascend side by side.
  await gatherWrites(sink, { unitBytes: BLOCK_BYTES }, (data) =>
    gatherWrites(sink, {}, (metadata) => writeInodes({ plan, numbering }, { metadata, data })),
  );
  return plan.blocks * BLOCK_BYTES;
}

/** Inodes in their order; each stands with what is behind it, a file's when its content has been seen. */
async function writeInodes(
  { plan, numbering }: { readonly plan: ErofsPlan; readonly numbering: Numbering },
  { metadata, data }: { readonly metadata: GatheringSink; readonly data: GatheringSink },
): Promise<void> {
  const numberOf = (node: TreeNode) =>
    (plan.inodes[numbering.indexOf(node)] as PlannedInode).start / SLOT_BYTES;
  const scratch = new Uint8Array(4 * BLOCK_BYTES);
  const encode = (index: number, putTail: (tail: Uint8Array) => void) => {
    const inode = plan.inodes[index] as PlannedInode;
    const length = (plan.inodes[index + 1]?.start ?? plan.metadataEnd) - inode.start;
    // Gathering copies what is small, so one buffer serves nearly all.
    const record = length <= scratch.length ? scratch.subarray(0, length).fill(0) : new Uint8Array(length);
    encodeInode(record, inode, index + 1);
    record.set(inode.xattrs, INODE_BYTES);
    putTail(record.subarray(INODE_BYTES + inode.xattrs.length));
    metadata.put(inode.start, record);
  };
  let next = 0;
  const encodeOther = () => {
    const inode = plan.inodes[next] as PlannedInode;
    encode(next++, (tail) => {
      if (inode.node.type !== 'file') putBytes(inode, contentOf(inode, numberOf), data, tail);
    });
  };
  await visitContents(plannedContents(plan, numbering), {
    visit: ({ inode, index }, at, bytes) => {
      while (next < index) encodeOther();
      // Pieces are whole blocks, so that only the last has a tail.
      const inBlocks = Math.min(bytes.length, inode.blockBytes - at);
      if (inBlocks > 0 && !inode.shared && !isZero(bytes, 0, inBlocks))
        data.put(inode.firstBlock * BLOCK_BYTES + at, bytes.subarray(0, inBlocks));
      if (at + bytes.length === inode.sizeBytes) encode(next++, (tail) => tail.set(bytes.subarray(inBlocks)));
    },
    step: async () => {
      await data.step();
      await metadata.step();
    },
  });
  while (next < plan.inodes.length) {
    encodeOther();
    if (metadata.full) await metadata.step();
    if (data.full) await data.step();
  }
}

class PlannedContent implements ContentFile {
  readonly node: FileNode;
  readonly inode: PlannedInode;
  readonly index: number;
  readonly #numbering: Numbering;

  constructor(node: FileNode, inode: PlannedInode, index: number, numbering: Numbering) {
    this.node = node;
    this.inode = inode;
    this.index = index;
    this.#numbering = numbering;
  }

  get path(): string {
    return this.#numbering.pathOf(this.index);
  }
}

/** What must be read, in order. */
function* plannedContents(plan: ErofsPlan, numbering: Numbering): Generator<PlannedContent> {
  for (const [index, inode] of plan.inodes.entries()) {
    const { node, shared, layout } = inode;
    // A twin whose content is all in blocks need not be read again.
    if (node.type !== 'file' || node.sizeBytes === 0 || (shared && layout === 'plain')) continue;
    yield new PlannedContent(node, inode, index, numbering);
  }
}

/** @param tail takes what stands behind the inode */
function putBytes(inode: PlannedInode, bytes: Uint8Array, data: GatheringSink, tail: Uint8Array): void {
  if (inode.blockBytes > 0) data.put(inode.firstBlock * BLOCK_BYTES, bytes.subarray(0, inode.blockBytes));
  tail.set(bytes.subarray(inode.blockBytes));
}

function contentOf({ node, listing }: PlannedInode, numberOf: (node: TreeNode) => number): Uint8Array {
  if (listing !== undefined) return listing.encode(numberOf);
  return node.type === 'symlink' ? encodeName(node.target) : new Uint8Array(0);
}

function encodeSuperblock(plan: ErofsPlan, options: ErofsOptions): Uint8Array {
  const label = new TextEncoder().encode(options.label ?? '');
  if (label.length > MAX_LABEL_BYTES)
    throw diskError(
      'disk.bad-option',
      `the label "${options.label}" is longer than ${MAX_LABEL_BYTES} bytes`,
    );
  const rootStart = plan.inodes[0]?.start ?? 0;
  const layout = new Layout(BLOCK_BYTES - SUPERBLOCK_OFFSET)
    .u32le(0, MAGIC)
    .u32le(8, COMPATIBLE_CHECKSUM | COMPATIBLE_MTIME)
    .u8(12, BLOCK_BITS)
    .u16le(14, rootStart / SLOT_BYTES)
    .u64le(16, plan.inodes.length)
    .u64le(24, options.mtime ?? 0)
    .u32le(36, plan.blocks)
    .set(48, uuidBytes(options.uuid))
    .set(64, label);
  // Over the rest of its block, the field itself being zero.
  return layout.u32le(4, chainChecksum(0xffff_ffff, layout.bytes)).bytes;
}
