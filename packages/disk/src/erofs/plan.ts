import { roundUp } from '../bytes.ts';
import { diskError } from '../errors.ts';
import { directoryLinks, type Numbering } from '../numbering.ts';
import { encodeTarget } from '../symlink-target.ts';
import type { DirectoryNode, TreeNode } from '../tree.ts';
import { BLOCK_BYTES, type DataLayout, INODE_BYTES, SLOT_BYTES } from './constants.ts';
import { DirectoryBlocks } from './directory.ts';
import { encodeXattrs } from './xattrs.ts';

/** Where an inode and its content lie. */
export interface PlannedInode {
  readonly node: TreeNode;
  readonly links: number;
  /** Byte offset in the image. */
  readonly start: number;
  /** Attributes follow the inode. */
  readonly xattrs: Uint8Array;
  readonly sizeBytes: number;
  readonly layout: DataLayout;
  /** Block of the content, 0 where it has none. */
  readonly firstBlock: number;
  /** Bytes of it that stand in blocks; the rest stands behind the attributes. */
  readonly blockBytes: number;
  /** Another file of the same content, written before, has its blocks. */
  readonly shared: boolean;
  readonly listing: DirectoryBlocks | undefined;
}

/** While it is planned. */
type Mutable = { -readonly [Key in keyof PlannedInode]: PlannedInode[Key] };

export interface ErofsPlan {
  readonly inodes: readonly PlannedInode[];
  /** End of the inodes, a whole block. */
  readonly metadataEnd: number;
  readonly blocks: number;
}

const MAX_BLOCKS = 0xffff_ffff;

/**
 * Gives every inode its place, in the order of the walk, and every content its blocks after them. Invariants: an
 * inode lies in one block; so does what stands behind it of its content.
 */
export function planErofs(numbering: Numbering): ErofsPlan {
  const inodes: Mutable[] = [];
  // The superblock has the first block alone.
  let end = BLOCK_BYTES;
  for (const [index, node] of numbering.nodes.entries()) {
    const pathOf = () => numbering.pathOf(index);
    const xattrs = encodeXattrs(pathOf, node.xattrs);
    const listing =
      node.type === 'directory'
        ? new DirectoryBlocks(pathOf, node, numbering.nodes[numbering.parentOf(index)] as DirectoryNode)
        : undefined;
    const sizeBytes = listing?.sizeBytes ?? contentBytes(pathOf, node);
    const headBytes = INODE_BYTES + xattrs.length;
    const tailBytes = sizeBytes % BLOCK_BYTES;
    const inlined = tailBytes === 0 ? undefined : placeInode(end, headBytes, tailBytes);
    const start = inlined ?? placeInode(end, headBytes, 0) ?? roundUp(end, BLOCK_BYTES);
    const layout = inlined === undefined ? 'plain' : 'inline';
    inodes.push({
      node,
      links: node.type === 'directory' ? directoryLinks(node) : numbering.namesOf(node),
      start,
      xattrs,
      sizeBytes,
      layout,
      firstBlock: 0,
      blockBytes: layout === 'inline' ? sizeBytes - tailBytes : sizeBytes,
      shared: false,
      listing,
    });
    end = start + headBytes + (layout === 'inline' ? tailBytes : 0);
  }
  const metadataEnd = roundUp(end, BLOCK_BYTES);
  const byKey = new Map<string, number>();
  let block = metadataEnd / BLOCK_BYTES;
  for (const inode of inodes) {
    const { node, blockBytes } = inode;
    if (blockBytes === 0) continue;
    const key =
      node.type === 'file' && node.contentKey !== undefined ? `${blockBytes}:${node.contentKey}` : undefined;
    const twin = key === undefined ? undefined : byKey.get(key);
    inode.shared = twin !== undefined;
    inode.firstBlock = twin ?? block;
    if (twin !== undefined) continue;
    if (key !== undefined) byKey.set(key, block);
    block += Math.ceil(blockBytes / BLOCK_BYTES);
  }
  if (block > MAX_BLOCKS)
    throw diskError('disk.too-large', `an erofs of ${block} blocks; it holds ${MAX_BLOCKS}`);
  return { inodes, metadataEnd, blocks: block };
}

/** The first place at or after `end`, here or in the next block, or undefined where no place will do. */
function placeInode(end: number, headBytes: number, tailBytes: number): number | undefined {
  const here = roundUp(end, SLOT_BYTES);
  return [here, roundUp(here, BLOCK_BYTES)].find((start) => {
    const tail = (start + headBytes) % BLOCK_BYTES;
    return (start % BLOCK_BYTES) + INODE_BYTES <= BLOCK_BYTES && tail + tailBytes <= BLOCK_BYTES;
  });
}

function contentBytes(pathOf: () => string, node: TreeNode): number {
  if (node.type === 'file') return node.sizeBytes;
  return node.type === 'symlink' ? encodeTarget(pathOf, node.target).length : 0;
}
