import type { TreeNode } from '../tree.ts';

/** Linux, fs/erofs/erofs_fs.h. */
export const BLOCK_BITS = 12;
export const BLOCK_BYTES = 1 << BLOCK_BITS;
export const SUPERBLOCK_OFFSET = 1024;
/** Inodes are numbered by the slot in which they begin. */
export const SLOT_BYTES = 32;
/** The extended form: 32-bit owners and a time of its own. */
export const INODE_BYTES = 64;

/** How content lies: whole blocks, or whole blocks and the rest behind the inode. */
export type DataLayout = 'plain' | 'inline';
export const dataLayoutNumber: Readonly<Record<DataLayout, number>> = { plain: 0, inline: 2 };

/** File types as directory entries say them. */
export const entryType: Readonly<Record<TreeNode['type'], number>> = {
  file: 1,
  directory: 2,
  char: 3,
  block: 4,
  fifo: 5,
  symlink: 7,
};
