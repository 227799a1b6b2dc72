import { Layout } from '../bytes.ts';
import { diskError } from '../errors.ts';

export const SECTOR_BYTES = 512;

export interface MbrPartition {
  /** Partition type, e.g. 0x0c FAT32 (LBA), 0x83 Linux, 0xef EFI system, 0xee GPT protective. */
  readonly type: number;
  readonly startSector: number;
  readonly sectors: number;
  /** @default false */
  readonly active?: boolean;
}

export interface MbrOptions {
  /** At most four. */
  readonly partitions: readonly MbrPartition[];
  /** Disk signature at offset 440. @default 0 */
  readonly diskId?: number;
  /** Boot code, at most 440 bytes. @default none */
  readonly bootCode?: Uint8Array;
}

const BOOT_CODE_BYTES = 440;
const MAX_SECTORS = 0xffff_ffff;

/** The first sector of a disk. UEFI specification §5.2.1. */
export function encodeMbr(options: MbrOptions): Uint8Array {
  const { partitions, diskId = 0, bootCode = new Uint8Array(0) } = options;
  if (partitions.length > 4)
    throw diskError('disk.bad-option', `${partitions.length} partitions in an MBR, which holds four`);
  if (bootCode.length > BOOT_CODE_BYTES)
    throw diskError(
      'disk.bad-option',
      `boot code of ${bootCode.length} bytes; an MBR holds ${BOOT_CODE_BYTES}`,
    );
  const layout = new Layout(SECTOR_BYTES).set(0, bootCode).u32le(440, diskId).u16le(510, 0xaa55);
  partitions.forEach((partition, i) => {
    const at = 446 + i * 16;
    if (partition.startSector + partition.sectors - 1 > MAX_SECTORS) {
      throw diskError('disk.too-large', `partition ${i + 1} ends beyond 2 TiB, where an MBR cannot reach`);
    }
    layout
      .u8(at, partition.active ? 0x80 : 0)
      .u8(at + 4, partition.type)
      .u32le(at + 8, partition.startSector)
      .u32le(at + 12, partition.sectors);
    setChs(layout, at + 1, partition.startSector);
    setChs(layout, at + 5, partition.startSector + partition.sectors - 1);
  });
  return layout.bytes;
}

/** Cylinder, head, sector with 255 heads and 63 sectors; the highest address where it does not fit. */
function setChs(layout: Layout, at: number, sector: number): void {
  const cylinder = Math.floor(sector / (255 * 63));
  if (cylinder > 1023) {
    layout
      .u8(at, 0xfe)
      .u8(at + 1, 0xff)
      .u8(at + 2, 0xff);
    return;
  }
  const head = Math.floor(sector / 63) % 255;
  layout
    .u8(at, head)
    .u8(at + 1, ((sector % 63) + 1) | ((cylinder >> 2) & 0xc0))
    .u8(at + 2, cylinder & 0xff);
}
