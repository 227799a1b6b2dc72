/** What all disks with partitions have in common. */

export const SECTOR = 512;
export const MIB = 1 << 20;
/** Where the first partition begins, as on every disk made today. */
export const FIRST_SECTOR = 2048;
/** The serial number of a FAT volume. */
export const VOLUME_SERIAL = 0x4f524c50;
/** What LinuxKit's disks have when no size is given; what is not written takes no room in most of them. */
export const DEFAULT_MIB = 1024;
