import { roundUp } from '../bytes.ts';
import { diskError } from '../errors.ts';
import { SECTOR_BYTES } from '../partition/mbr.ts';

export type FatBits = 12 | 16 | 32;

/** Where everything lies in a FAT volume; sectors of 512 bytes. */
export interface FatGeometry {
  readonly bits: FatBits;
  readonly totalSectors: number;
  readonly sectorsPerCluster: number;
  readonly reservedSectors: number;
  readonly sectorsPerFat: number;
  /** Entries of the fixed root directory; 0 with FAT32, whose root is a chain of clusters. */
  readonly rootEntries: number;
  readonly dataSector: number;
  readonly clusters: number;
}

export const FAT_COPIES = 2;
export const DIRECTORY_ENTRY_BYTES = 32;

/** The cluster counts that decide the type: Microsoft FAT specification 1.03, "FAT Type Determination". */
const MAX_CLUSTERS_12 = 4084;
const MAX_CLUSTERS_16 = 65524;
const MAX_CLUSTERS_32 = 0x0fff_fff4;

/** The boot sector counts them in 32 bits: 2 TiB. */
const MAX_SECTORS = 0xffff_ffff;

/** From here on mkfs.fat takes FAT32, too: clusters stay small. */
const LEAST_FAT32_BYTES = 512 << 20;

/** The smallest FAT type and cluster that suit a volume of `sizeBytes`, or those asked for. */
export function planFat(sizeBytes: number, rootEntries: number, asked: AskedGeometry): FatGeometry {
  const geometry = findFat(sizeBytes, rootEntries, asked);
  if (geometry !== undefined) return geometry;
  throw diskError('disk.bad-option', `no FAT${asked.bits ?? ''} layout for a volume of ${sizeBytes} bytes`);
}

export interface AskedGeometry {
  readonly bits?: FatBits;
  readonly sectorsPerCluster?: number;
}

/** The same, undefined where there is none. */
export function findFat(
  sizeBytes: number,
  rootEntries: number,
  asked: AskedGeometry,
): FatGeometry | undefined {
  const totalSectors = Math.floor(sizeBytes / SECTOR_BYTES);
  const suitable: readonly FatBits[] = sizeBytes >= LEAST_FAT32_BYTES ? [32] : [12, 16, 32];
  const kinds = asked.bits === undefined ? suitable : [asked.bits];
  for (const bits of kinds) {
    // FAT12 and 16 grow their clusters before the next type is taken, as mkfs.fat does: up to 8 sectors for
    // 12 bits, 64 for 16. FAT32 takes 8 sectors (4 KiB pages) first.
    const sizes =
      asked.sectorsPerCluster !== undefined
        ? [asked.sectorsPerCluster]
        : bits === 12
          ? [1, 2, 4, 8]
          : bits === 16
            ? [4, 8, 16, 32, 64]
            : [8, 4, 2, 1, 16, 32, 64, 128];
    for (const sectorsPerCluster of sizes) {
      const geometry = layOut(bits, totalSectors, sectorsPerCluster, rootEntries);
      if (geometry !== undefined) return geometry;
    }
  }
  return undefined;
}

function layOut(
  bits: FatBits,
  totalSectors: number,
  sectorsPerCluster: number,
  askedRootEntries: number,
): FatGeometry | undefined {
  const reservedSectors = bits === 32 ? 32 : 1;
  const rootEntries = bits === 32 ? 0 : roundUp(askedRootEntries, SECTOR_BYTES / DIRECTORY_ENTRY_BYTES);
  const rootSectors = (rootEntries * DIRECTORY_ENTRY_BYTES) / SECTOR_BYTES;
  const room = totalSectors - reservedSectors - rootSectors;
  if (room <= 2 || rootEntries > 0xfff0 || totalSectors > MAX_SECTORS) return undefined;
  // Clusters and FAT share the room: clusters * (cluster + FAT_COPIES * entry) = room.
  const perCluster = sectorsPerCluster + (FAT_COPIES * bits) / 8 / SECTOR_BYTES;
  let sectorsPerFat = Math.ceil(((room / perCluster + 2) * bits) / 8 / SECTOR_BYTES);
  let clusters = Math.floor((room - FAT_COPIES * sectorsPerFat) / sectorsPerCluster);
  while (((clusters + 2) * bits) / 8 > sectorsPerFat * SECTOR_BYTES) {
    sectorsPerFat++;
    clusters = Math.floor((room - FAT_COPIES * sectorsPerFat) / sectorsPerCluster);
  }
  const [least, most] =
    bits === 12
      ? [1, MAX_CLUSTERS_12]
      : bits === 16
        ? [MAX_CLUSTERS_12 + 1, MAX_CLUSTERS_16]
        : [MAX_CLUSTERS_16 + 1, MAX_CLUSTERS_32];
  if (clusters < least || clusters > most) return undefined;
  const dataSector = reservedSectors + FAT_COPIES * sectorsPerFat + rootSectors;
  return {
    bits,
    totalSectors,
    sectorsPerCluster,
    reservedSectors,
    sectorsPerFat,
    rootEntries,
    dataSector,
    clusters,
  };
}
