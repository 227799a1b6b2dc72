import type { BlockSink } from '../block.ts';
import { Layout } from '../bytes.ts';
import { crc32 } from '../crc32.ts';
import { diskError } from '../errors.ts';
import { type Guid, guidBytes } from '../guid.ts';
import { encodeMbr, SECTOR_BYTES } from './mbr.ts';

/** Partition type GUIDs: UEFI specification §5.3.3; UAPI discoverable partitions. */
export const gptType = {
  efiSystem: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  linuxFileSystem: '0fc63daf-8483-4772-8e79-3d69d8477de4',
} as const;

export interface GptPartition {
  readonly type: Guid;
  readonly id: Guid;
  /** At most 36 UTF-16 units. */
  readonly name: string;
  readonly startSector: number;
  readonly sectors: number;
  /** Attribute bits 0 to 31, e.g. bit 2 for legacy BIOS bootable. @default 0 */
  readonly attributes?: number;
}

export interface GptOptions {
  readonly diskId: Guid;
  readonly diskSectors: number;
  readonly partitions: readonly GptPartition[];
  /** Boot code of the protective MBR. @default none */
  readonly bootCode?: Uint8Array;
}

const ENTRIES = 128;
const ENTRY_BYTES = 128;
const TABLE_SECTORS = (ENTRIES * ENTRY_BYTES) / SECTOR_BYTES;
/** First sector after the protective MBR, the header and the entries. */
export const GPT_FIRST_USABLE_SECTOR = 2 + TABLE_SECTORS;
/** Sectors that the backup takes at the disk's end. */
export const GPT_BACKUP_SECTORS = 1 + TABLE_SECTORS;

/** Writes the protective MBR and both copies of the table. UEFI specification §5.3. */
export async function writeGpt(sink: BlockSink, options: GptOptions): Promise<void> {
  const { diskSectors, partitions } = options;
  const lastUsable = diskSectors - GPT_BACKUP_SECTORS - 1;
  for (const { name, startSector, sectors } of partitions) {
    if (startSector < GPT_FIRST_USABLE_SECTOR || startSector + sectors - 1 > lastUsable) {
      throw diskError(
        'disk.too-small',
        `partition "${name}" (sectors ${startSector} to ${startSector + sectors - 1}) does not fit a disk of ${diskSectors} sectors`,
      );
    }
  }
  const entries = encodeEntries(partitions);
  const protective = { type: 0xee, startSector: 1, sectors: Math.min(diskSectors - 1, 0xffff_ffff) };
  await sink.write(
    0,
    encodeMbr({ partitions: [protective], ...(options.bootCode && { bootCode: options.bootCode }) }),
  );
  await sink.write(SECTOR_BYTES, encodeHeader(options, entries, 1, diskSectors - 1, 2));
  await sink.write(2 * SECTOR_BYTES, entries);
  await sink.write((diskSectors - GPT_BACKUP_SECTORS) * SECTOR_BYTES, entries);
  await sink.write(
    (diskSectors - 1) * SECTOR_BYTES,
    encodeHeader(options, entries, diskSectors - 1, 1, diskSectors - GPT_BACKUP_SECTORS),
  );
}

function encodeEntries(partitions: readonly GptPartition[]): Uint8Array {
  if (partitions.length > ENTRIES)
    throw diskError('disk.bad-option', `${partitions.length} partitions; a GPT holds ${ENTRIES}`);
  const layout = new Layout(ENTRIES * ENTRY_BYTES);
  partitions.forEach((partition, i) => {
    const at = i * ENTRY_BYTES;
    if (partition.name.length > 36)
      throw diskError('disk.bad-name', `partition name "${partition.name}" is longer than 36 characters`);
    layout
      .set(at, guidBytes(partition.type))
      .set(at + 16, guidBytes(partition.id))
      .u64le(at + 32, partition.startSector)
      .u64le(at + 40, partition.startSector + partition.sectors - 1)
      .u32le(at + 48, partition.attributes ?? 0)
      .utf16le(at + 56, partition.name);
  });
  return layout.bytes;
}

function encodeHeader(
  options: GptOptions,
  entries: Uint8Array,
  own: number,
  other: number,
  entriesAt: number,
): Uint8Array {
  const layout = new Layout(SECTOR_BYTES)
    .text(0, 'EFI PART')
    .u32le(8, 0x0001_0000)
    .u32le(12, 92)
    .u64le(24, own)
    .u64le(32, other)
    .u64le(40, GPT_FIRST_USABLE_SECTOR)
    .u64le(48, options.diskSectors - GPT_BACKUP_SECTORS - 1)
    .set(56, guidBytes(options.diskId))
    .u64le(72, entriesAt)
    .u32le(80, ENTRIES)
    .u32le(84, ENTRY_BYTES)
    .u32le(88, crc32(entries));
  return layout.u32le(16, crc32(layout.bytes.subarray(0, 92))).bytes;
}
