/** Source: Linux, Documentation/filesystems/ext4 (on-disk layout) and fs/ext4/ext4.h. */
export const BLOCK_BYTES = 4096;
export const BLOCKS_PER_GROUP = 32768;
export const INODE_BYTES = 256;
/** Bytes of an inode beyond the first 128 that have a meaning of their own. */
export const EXTRA_INODE_BYTES = 32;
export const DESCRIPTOR_BYTES = 64;
export const SUPERBLOCK_OFFSET = 1024;
export const SUPERBLOCK_BYTES = 1024;

export const ROOT_INODE = 2;
export const JOURNAL_INODE = 8;
export const LOST_FOUND_INODE = 11;
/** The first inode that is neither reserved nor lost+found. */
export const FIRST_OWN_INODE = 12;

export const compatFeature = { hasJournal: 0x4, extAttr: 0x8, dirIndex: 0x20 } as const;
export const incompatFeature = { fileType: 0x2, extents: 0x40, bit64: 0x80, flexBg: 0x200 } as const;
export const roCompatFeature = {
  sparseSuper: 0x1,
  largeFile: 0x2,
  hugeFile: 0x8,
  dirNlink: 0x20,
  extraIsize: 0x40,
  metadataCsum: 0x400,
} as const;

export const inodeFlag = { index: 0x1000, extents: 0x80000 } as const;

export const fileKind = {
  file: { mode: 0x8000, entry: 1 },
  directory: { mode: 0x4000, entry: 2 },
  char: { mode: 0x2000, entry: 3 },
  block: { mode: 0x6000, entry: 4 },
  fifo: { mode: 0x1000, entry: 5 },
  symlink: { mode: 0xa000, entry: 7 },
} as const;

/** Targets of symlinks that fit the inode. */
export const FAST_TARGET_BYTES = 59;
