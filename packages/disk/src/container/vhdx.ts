import type { BlockSink, BlockSource } from '../block.ts';
import { Layout, roundUp } from '../bytes.ts';
import { crc32c } from '../crc32.ts';
import { gatherWrites } from '../gather.ts';
import { type Guid, guidBytes } from '../guid.ts';
import { allocatedRuns } from './blocks.ts';

/** MS-VHDX, "Virtual Hard Disk v2 File Format". */
const KIB64 = 64 << 10;
const MIB = 1 << 20;
/** Smaller than the usual 32 MiB, so that an image of scattered files stays small. */
const BLOCK_BYTES = 2 * MIB;
const LOGICAL_SECTOR = 512;
const PHYSICAL_SECTOR = 4096;
const LOG_AT = MIB;
const LOG_BYTES = MIB;
const METADATA_AT = 2 * MIB;
const METADATA_BYTES = MIB;
const TABLE_AT = 3 * MIB;
/** Offset of the items' values in the metadata region. */
const VALUES_AT = KIB64;
const PAYLOAD_FULLY_PRESENT = 6;

const region = {
  table: '2dc27766-f623-4200-9d64-115e9bfd4a08',
  metadata: '8b7ca206-4790-4b9a-b8fe-575f050f886e',
} as const;

/** Metadata items: is-virtual-disk is bit 1 of the flags, is-required bit 2. */
const item = {
  fileParameters: { id: 'caa16737-fa36-4d43-b3b6-33f0aa44e76b', flags: 4 },
  diskSize: { id: '2fa54224-cd1b-4876-b211-5dbed83bf4b8', flags: 6 },
  diskId: { id: 'beca12ab-b2e6-4523-93ef-c309e000c746', flags: 6 },
  logicalSector: { id: '8141bf1d-a96f-4709-ba47-f233a8faab5f', flags: 6 },
  physicalSector: { id: 'cda348c7-445d-4471-9cc9-e9885251c556', flags: 6 },
} as const;

/** Writes a dynamic VHDX, blocks of 2 MiB. @returns the file's length in bytes. */
export function writeVhdx(
  source: BlockSource,
  sink: BlockSink,
  options: { readonly id: Guid },
): Promise<number> {
  return gatherWrites(sink, {}, (gathering) => writeBlocks(source, gathering, options));
}

async function writeBlocks(
  source: BlockSource,
  sink: BlockSink,
  options: { readonly id: Guid },
): Promise<number> {
  const diskBytes = roundUp(source.sizeBytes, MIB);
  const blocks = Math.ceil(diskBytes / BLOCK_BYTES);
  // After every `ratio` payload entries one stands for a sector bitmap, which only differencing disks have.
  const ratio = (2 ** 23 * LOGICAL_SECTOR) / BLOCK_BYTES;
  const entries = blocks + Math.floor((blocks - 1) / ratio);
  const tableBytes = roundUp(Math.max(entries, 1) * 8, MIB);
  const table = new Layout(tableBytes);
  let end = TABLE_AT + tableBytes;
  for await (const { index: first, bytes } of allocatedRuns(source, BLOCK_BYTES)) {
    const start = end;
    for (let index = first; end < start + bytes.length; index++, end += BLOCK_BYTES) {
      const entry = index + Math.floor(index / ratio);
      // The offset counts MiB from bit 20 on, so a byte offset has its low bits free for the state.
      table.u64le(entry * 8, end + PAYLOAD_FULLY_PRESENT);
    }
    await sink.write(start, bytes);
  }
  await sink.write(0, new Layout(KIB64).text(0, 'vhdxfile').utf16le(8, 'Orlop').bytes);
  for (const sequence of [1, 2]) await sink.write(sequence * KIB64, encodeHeader(sequence, options.id));
  const regions = encodeRegions(tableBytes);
  for (const at of [3, 4]) await sink.write(at * KIB64, regions);
  await sink.write(METADATA_AT, encodeMetadata(diskBytes, options.id));
  await sink.write(TABLE_AT, table.bytes);
  await sink.truncate(end);
  return end;
}

function encodeHeader(sequence: number, id: Guid): Uint8Array {
  const layout = new Layout(4096)
    .text(0, 'head')
    .u64le(8, sequence)
    .set(16, guidBytes(id))
    .set(32, guidBytes(id))
    .u16le(66, 1)
    .u32le(68, LOG_BYTES)
    .u64le(72, LOG_AT);
  return layout.u32le(4, crc32c(layout.bytes)).bytes;
}

function encodeRegions(tableBytes: number): Uint8Array {
  const layout = new Layout(KIB64).text(0, 'regi').u32le(8, 2);
  const put = (at: number, id: Guid, offset: number, length: number) =>
    layout
      .set(at, guidBytes(id))
      .u64le(at + 16, offset)
      .u32le(at + 24, length)
      .u32le(at + 28, 1);
  put(16, region.table, TABLE_AT, tableBytes);
  put(48, region.metadata, METADATA_AT, METADATA_BYTES);
  return layout.u32le(4, crc32c(layout.bytes)).bytes;
}

function encodeMetadata(diskBytes: number, id: Guid): Uint8Array {
  const values: [{ readonly id: Guid; readonly flags: number }, Uint8Array][] = [
    [item.fileParameters, new Layout(8).u32le(0, BLOCK_BYTES).bytes],
    [item.diskSize, new Layout(8).u64le(0, diskBytes).bytes],
    [item.diskId, guidBytes(id)],
    [item.logicalSector, new Layout(4).u32le(0, LOGICAL_SECTOR).bytes],
    [item.physicalSector, new Layout(4).u32le(0, PHYSICAL_SECTOR).bytes],
  ];
  const layout = new Layout(VALUES_AT + 4096).text(0, 'metadata').u16le(10, values.length);
  let valueAt = VALUES_AT;
  values.forEach(([{ id: itemId, flags }, value], i) => {
    const at = 32 + i * 32;
    layout
      .set(at, guidBytes(itemId))
      .u32le(at + 16, valueAt)
      .u32le(at + 20, value.length)
      .u32le(at + 24, flags)
      .set(valueAt, value);
    valueAt += value.length;
  });
  return layout.bytes;
}
