/** Source: Linux, fs/squashfs/squashfs_fs.h; Documentation/filesystems/squashfs.rst. */
export const SQUASHFS_MAGIC = 0x73717368;
export const SUPERBLOCK_BYTES = 96;
export const METADATA_BLOCK_BYTES = 8192;
/** In a metadata block's header: stored as it is. */
export const METADATA_UNCOMPRESSED = 0x8000;
/** In a data block's size: stored as it is. */
export const DATA_UNCOMPRESSED = 1 << 24;
export const NO_FRAGMENT = 0xffff_ffff;
export const NO_XATTRS = 0xffff_ffff;
/** The table is absent. */
export const NO_TABLE = Number.NaN;

export const compressionId = { gzip: 1, xz: 4, zstd: 6 } as const;

export const superblockFlag = { duplicates: 0x0040, exportable: 0x0080, noXattrs: 0x0200 } as const;

/** Inode types; the extended form is `basic + 7`. */
export const inodeType = { directory: 1, file: 2, symlink: 3, block: 4, char: 5, fifo: 6 } as const;
export const EXTENDED = 7;
