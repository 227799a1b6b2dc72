import type { BlockSink, BlockSource } from '../block.ts';
import { Layout, roundUp } from '../bytes.ts';
import { OrderedWork } from '../compressor.ts';
import { gatherWrites } from '../gather.ts';
import { allocatedBlocks, allocatedRuns } from './blocks.ts';

export interface VmdkOptions {
  /** The content id of the descriptor. @default 0xfffffffe, which asks for no match */
  readonly contentId?: number;
  /** What the descriptor names as the extent's file. */
  readonly fileName: string;
  /** @default 'lsilogic' */
  readonly adapter?: 'ide' | 'lsilogic' | 'buslogic';
}

/** Compresses one grain with zlib (RFC 1950). */
export interface GrainCompressor {
  readonly concurrency: number;
  compress(grain: Uint8Array): Promise<Uint8Array>;
}

/** VMware, Virtual Disk Format 5.0. All addresses count sectors. */
const SECTOR = 512;
const GRAIN_SECTORS = 128;
const GRAIN_BYTES = GRAIN_SECTORS * SECTOR;
const TABLE_ENTRIES = 512;
const TABLE_SECTORS = (TABLE_ENTRIES * 4) / SECTOR;
const DESCRIPTOR_SECTORS = 20;
const MAGIC = 0x564d444b;
const FLAG_NEWLINE_TEST = 1;
const FLAG_REDUNDANT_TABLE = 2;
const FLAG_COMPRESSED = 1 << 16;
const FLAG_MARKERS = 1 << 17;
const COMPRESSION_DEFLATE = 1;
const GD_AT_END = 0xffff_ffff;
const marker = { endOfStream: 0, grainTable: 1, grainDirectory: 2, footer: 3 } as const;

/** Writes a monolithicSparse disk; grains of zeros are not stored. @returns the file's length in bytes. */
export function writeSparseVmdk(source: BlockSource, sink: BlockSink, options: VmdkOptions): Promise<number> {
  return gatherWrites(sink, {}, (gathering) => writeSparse(source, gathering, options));
}

async function writeSparse(source: BlockSource, sink: BlockSink, options: VmdkOptions): Promise<number> {
  const capacity = roundUp(source.sizeBytes, GRAIN_BYTES) / SECTOR;
  const tables = Math.ceil(capacity / (GRAIN_SECTORS * TABLE_ENTRIES));
  const directorySectors = Math.ceil((tables * 4) / SECTOR);
  const copySectors = directorySectors + tables * TABLE_SECTORS;
  const redundantAt = 1 + DESCRIPTOR_SECTORS;
  const directoryAt = redundantAt + copySectors;
  const overhead = roundUp(directoryAt + copySectors, GRAIN_SECTORS);

  const grains = new Layout(tables * TABLE_SECTORS * SECTOR);
  let end = overhead;
  for await (const { index, bytes } of allocatedRuns(source, GRAIN_BYTES)) {
    const start = end;
    for (let at = 0; at < bytes.length; at += GRAIN_BYTES, end += GRAIN_SECTORS)
      grains.u32le((index + at / GRAIN_BYTES) * 4, end);
    await sink.write(start * SECTOR, bytes);
  }
  for (const at of [redundantAt, directoryAt]) {
    const directory = new Layout(directorySectors * SECTOR);
    for (let i = 0; i < tables; i++) directory.u32le(i * 4, at + directorySectors + i * TABLE_SECTORS);
    await sink.write(at * SECTOR, directory.bytes);
    await sink.write((at + directorySectors) * SECTOR, grains.bytes);
  }
  const header = encodeHeader({
    version: 1,
    flags: FLAG_NEWLINE_TEST | FLAG_REDUNDANT_TABLE,
    capacity,
    redundantAt,
    directoryAt,
    overhead,
    compression: 0,
  });
  await sink.write(0, header);
  await sink.write(SECTOR, encodeDescriptor('monolithicSparse', capacity, options));
  await sink.truncate(end * SECTOR);
  return end * SECTOR;
}

/** Writes a streamOptimized disk, as OVA holds: every grain compressed. @returns the file's length in bytes. */
export function writeStreamVmdk(
  source: BlockSource,
  sink: BlockSink,
  options: VmdkOptions & { readonly compressor: GrainCompressor },
): Promise<number> {
  return gatherWrites(sink, { unitBytes: SECTOR }, (gathering) => writeStream(source, gathering, options));
}

async function writeStream(
  source: BlockSource,
  sink: BlockSink,
  options: VmdkOptions & { readonly compressor: GrainCompressor },
): Promise<number> {
  const capacity = roundUp(source.sizeBytes, GRAIN_BYTES) / SECTOR;
  const tables = Math.ceil(capacity / (GRAIN_SECTORS * TABLE_ENTRIES));
  const overhead = GRAIN_SECTORS;
  const grainTables = new Map<number, Layout>();
  let end = overhead;
  const append = async (bytes: Uint8Array) => {
    const at = end;
    end += Math.ceil(bytes.length / SECTOR);
    await sink.write(at * SECTOR, bytes);
    return at;
  };
  const { compressor } = options;
  const work = new OrderedWork<Uint8Array>(compressor.concurrency);
  const inWorks = compressor.concurrency;
  for await (const { index, bytes } of allocatedBlocks(source, GRAIN_BYTES, { inWorks })) {
    await work.add(compressor.compress(bytes), async (packed) => {
      const grain = new Layout(12 + packed.length)
        .u64le(0, index * GRAIN_SECTORS)
        .u32le(8, packed.length)
        .set(12, packed);
      const table = Math.floor(index / TABLE_ENTRIES);
      let entries = grainTables.get(table);
      if (entries === undefined) {
        entries = new Layout(TABLE_SECTORS * SECTOR);
        grainTables.set(table, entries);
      }
      entries.u32le((index % TABLE_ENTRIES) * 4, await append(grain.bytes));
    });
  }
  await work.drain();

  const directory = new Layout(roundUp(tables * 4, SECTOR));
  for (const [table, entries] of [...grainTables].sort(([a], [b]) => a - b)) {
    await append(encodeMarker(TABLE_SECTORS, marker.grainTable));
    directory.u32le(table * 4, await append(entries.bytes));
  }
  await append(encodeMarker(directory.bytes.length / SECTOR, marker.grainDirectory));
  const directoryAt = await append(directory.bytes);
  const fields = {
    version: 3,
    flags: FLAG_NEWLINE_TEST | FLAG_COMPRESSED | FLAG_MARKERS,
    capacity,
    redundantAt: 0,
    overhead,
    compression: COMPRESSION_DEFLATE,
  };
  await append(encodeMarker(1, marker.footer));
  await append(encodeHeader({ ...fields, directoryAt }));
  await append(encodeMarker(0, marker.endOfStream));
  await sink.write(0, encodeHeader({ ...fields, directoryAt: 'end' }));
  await sink.write(SECTOR, encodeDescriptor('streamOptimized', capacity, options));
  await sink.truncate(end * SECTOR);
  return end * SECTOR;
}

interface HeaderFields {
  readonly version: number;
  readonly flags: number;
  readonly capacity: number;
  readonly redundantAt: number;
  readonly directoryAt: number | 'end';
  readonly overhead: number;
  readonly compression: number;
}

function encodeHeader(fields: HeaderFields): Uint8Array {
  const layout = new Layout(SECTOR)
    .u32le(0, MAGIC)
    .u32le(4, fields.version)
    .u32le(8, fields.flags)
    .u64le(12, fields.capacity)
    .u64le(20, GRAIN_SECTORS)
    .u64le(28, 1)
    .u64le(36, DESCRIPTOR_SECTORS)
    .u32le(44, TABLE_ENTRIES)
    .u64le(48, fields.redundantAt)
    .u64le(64, fields.overhead)
    .text(73, '\n \r\n')
    .u16le(77, fields.compression);
  if (fields.directoryAt === 'end') return layout.u32le(56, GD_AT_END).u32le(60, GD_AT_END).bytes;
  return layout.u64le(56, fields.directoryAt).bytes;
}

function encodeMarker(sectors: number, type: number): Uint8Array {
  return new Layout(SECTOR).u64le(0, sectors).u32le(12, type).bytes;
}

function encodeDescriptor(createType: string, capacity: number, options: VmdkOptions): Uint8Array {
  const heads = 255;
  const sectors = 63;
  const text = [
    '# Disk DescriptorFile',
    'version=1',
    `CID=${(options.contentId ?? 0xfffffffe).toString(16).padStart(8, '0')}`,
    'parentCID=ffffffff',
    `createType="${createType}"`,
    '',
    '# Extent description',
    `RW ${capacity} SPARSE "${options.fileName}"`,
    '',
    '# The Disk Data Base',
    'ddb.virtualHWVersion = "4"',
    `ddb.geometry.cylinders = "${Math.floor(capacity / (heads * sectors))}"`,
    `ddb.geometry.heads = "${heads}"`,
    `ddb.geometry.sectors = "${sectors}"`,
    `ddb.adapterType = "${options.adapter ?? 'lsilogic'}"`,
    '',
  ].join('\n');
  return new Layout(DESCRIPTOR_SECTORS * SECTOR).set(0, new TextEncoder().encode(text)).bytes;
}
