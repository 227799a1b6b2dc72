import { Layout } from '../bytes.ts';
import { SECTOR_BYTES } from '../partition/mbr.ts';
import { FAT_COPIES, type FatGeometry } from './geometry.ts';

export interface BootSectorFields {
  readonly label: string;
  readonly volumeId: number;
  /** Sectors before the volume on its disk. */
  readonly hiddenSectors: number;
  /** A sector of code that goes around the parameters. */
  readonly code?: Uint8Array | undefined;
}

const MEDIA_FIXED = 0xf8;
export const BACKUP_BOOT_SECTOR = 6;
/** Parameters begin here, and code may begin there whatever the type: FAT32's parameters are the longest. */
const PARAMETERS = { start: 11, end: 90 } as const;

/** BIOS parameter block: FAT specification 1.03, "Boot Sector and BPB". */
export function encodeBootSector(geometry: FatGeometry, fields: BootSectorFields): Uint8Array {
  const { bits, totalSectors, sectorsPerFat } = geometry;
  const layout = new Layout(SECTOR_BYTES)
    .set(0, Uint8Array.of(0xeb, bits === 32 ? 0x58 : 0x3c, 0x90))
    .text(3, 'ORLOP', 8, 0x20)
    .u16le(11, SECTOR_BYTES)
    .u8(13, geometry.sectorsPerCluster)
    .u16le(14, geometry.reservedSectors)
    .u8(16, FAT_COPIES)
    .u16le(17, geometry.rootEntries)
    .u16le(19, bits !== 32 && totalSectors < 0x10000 ? totalSectors : 0)
    .u8(21, MEDIA_FIXED)
    .u16le(22, bits === 32 ? 0 : sectorsPerFat)
    .u16le(24, 63)
    .u16le(26, 255)
    .u32le(28, fields.hiddenSectors)
    .u32le(32, bits !== 32 && totalSectors < 0x10000 ? 0 : totalSectors)
    .u16le(510, 0xaa55);
  const extended = bits === 32 ? 64 : 36;
  if (bits === 32) {
    layout.u32le(36, sectorsPerFat).u32le(44, 2).u16le(48, 1).u16le(50, BACKUP_BOOT_SECTOR);
  }
  layout
    .u8(extended, 0x80)
    .u8(extended + 2, 0x29)
    .u32le(extended + 3, fields.volumeId)
    .text(extended + 7, fields.label || 'NO NAME', 11, 0x20)
    .text(extended + 18, `FAT${bits}`, 8, 0x20);
  const { code } = fields;
  if (code !== undefined) {
    layout.set(0, code.subarray(0, PARAMETERS.start));
    layout.set(PARAMETERS.end, code.subarray(PARAMETERS.end, SECTOR_BYTES - 2));
  }
  return layout.bytes;
}

/** FAT32's sector 1: a hint about free clusters. */
export function encodeFsInfo(freeClusters: number, nextFree: number): Uint8Array {
  return new Layout(SECTOR_BYTES)
    .u32le(0, 0x41615252)
    .u32le(484, 0x61417272)
    .u32le(488, freeClusters)
    .u32le(492, nextFree)
    .u32le(508, 0xaa550000).bytes;
}
