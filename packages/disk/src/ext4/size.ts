import { roundUp } from '../bytes.ts';
import { Numbering } from '../numbering.ts';
import type { DirectoryNode } from '../tree.ts';
import { BLOCK_BYTES, BLOCKS_PER_GROUP, FAST_TARGET_BYTES, FIRST_OWN_INODE } from './constants.ts';
import { planExt4 } from './geometry.ts';

/** A size that holds `root` with `freeBytes` to spare, rounded up to a whole MiB. */
export function ext4SizeFor(root: DirectoryNode, freeBytes = 0): number {
  const { nodes } = new Numbering(root);
  let blocks = 64;
  for (const node of nodes) {
    if (node.type === 'file')
      blocks +=
        Math.ceil(node.sizeBytes / BLOCK_BYTES) +
        Math.ceil(node.sizeBytes / (BLOCKS_PER_GROUP * BLOCK_BYTES) / 4);
    // Names of 255 bytes, 15 to a block, at worst; leaves and index.
    else if (node.type === 'directory')
      blocks +=
        1 +
        Math.ceil(
          [...node.children.keys()].reduce((sum, name) => sum + 12 + name.length * 3, 0) /
            (BLOCK_BYTES - 300),
        );
    else if (node.type === 'symlink' && node.target.length >= FAST_TARGET_BYTES / 3) blocks += 1;
    if (node.xattrs !== undefined) blocks += 1;
  }
  // A group has at most as many inodes as blocks, so that many small files take groups of their own; those are holes.
  const inodes = FIRST_OWN_INODE + nodes.length + 1;
  const leastBytes = Math.ceil(inodes / BLOCKS_PER_GROUP) * BLOCKS_PER_GROUP * BLOCK_BYTES;
  const fitsOneGroup = inodes <= BLOCKS_PER_GROUP;
  const content = Math.max(blocks * BLOCK_BYTES + freeBytes, fitsOneGroup ? 0 : leastBytes);
  // Metadata depends on the size, which depends on metadata: twice round is enough, since it is a few per cent.
  let sizeBytes = content;
  for (let i = 0; i < 3; i++) {
    const geometry = planExt4(Math.max(sizeBytes, 1 << 20), inodes, true);
    const overhead =
      geometry.groups * (geometry.inodeTableBlocks + 2 + 1 + geometry.descriptorBlocks) +
      geometry.journalBlocks +
      1024;
    sizeBytes = content + overhead * BLOCK_BYTES;
  }
  return roundUp(sizeBytes, 1 << 20);
}
