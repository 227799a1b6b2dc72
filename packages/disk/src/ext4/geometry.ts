import { roundUp } from '../bytes.ts';
import { diskError } from '../errors.ts';
import { BLOCK_BYTES, BLOCKS_PER_GROUP, DESCRIPTOR_BYTES, INODE_BYTES } from './constants.ts';

/** How a file system's blocks are divided. */
export interface Ext4Geometry {
  readonly blocks: number;
  readonly groups: number;
  readonly inodesPerGroup: number;
  readonly inodeTableBlocks: number;
  readonly descriptorBlocks: number;
  readonly journalBlocks: number;
}

const INODES_PER_BLOCK = BLOCK_BYTES / INODE_BYTES;
/** As mke2fs: one inode for each 16 KiB. */
const BYTES_PER_INODE = 16384;
/** A last group with less room than its own overhead and this is left out, as mke2fs does. */
const LEAST_GROUP_ROOM = 50;

/** Groups and their tables for a size in bytes. @throws OrlopError `disk.too-small` */
export function planExt4(sizeBytes: number, neededInodes: number, journal: boolean): Ext4Geometry {
  let blocks = Math.floor(sizeBytes / BLOCK_BYTES);
  for (;;) {
    const groups = Math.ceil(blocks / BLOCKS_PER_GROUP);
    const inodes = Math.max(neededInodes, Math.floor((blocks * BLOCK_BYTES) / BYTES_PER_INODE));
    const inodesPerGroup = roundUp(Math.ceil(inodes / Math.max(groups, 1)), INODES_PER_BLOCK);
    if (inodesPerGroup > BLOCKS_PER_GROUP) {
      throw diskError('disk.too-small', `${neededInodes} files in an ext4 of ${sizeBytes} bytes`, {
        hint: 'ask for a larger size',
      });
    }
    const descriptorBlocks = Math.ceil((groups * DESCRIPTOR_BYTES) / BLOCK_BYTES);
    const last = blocks - (groups - 1) * BLOCKS_PER_GROUP;
    if (groups > 1 && hasBackup(groups - 1) && last < 1 + descriptorBlocks + LEAST_GROUP_ROOM) {
      blocks -= last;
      continue;
    }
    return {
      blocks,
      groups,
      inodesPerGroup,
      inodeTableBlocks: inodesPerGroup / INODES_PER_BLOCK,
      descriptorBlocks,
      journalBlocks: journal ? journalSize(blocks) : 0,
    };
  }
}

/** Whether a group holds a copy of superblock and descriptors ("sparse_super"): 0, 1, powers of 3, 5 and 7. */
export function hasBackup(group: number): boolean {
  if (group <= 1) return true;
  return [3, 5, 7].some((base) => {
    let power = base;
    while (power < group) power *= base;
    return power === group;
  });
}

/** mke2fs's table (lib/ext2fs/mkjournal.c), up to 1 GiB of journal; none below 8 MiB. */
function journalSize(blocks: number): number {
  const steps: [below: number, size: number][] = [
    [2048, 0],
    [32768, 1024],
    [256 * 1024, 4096],
    [512 * 1024, 8192],
    [4096 * 1024, 16384],
    [8192 * 1024, 32768],
    [16384 * 1024, 65536],
    [32768 * 1024, 131072],
  ];
  return steps.find(([below]) => blocks < below)?.[1] ?? 262144;
}
