import type { BlockSink, BlockSource } from '../block.ts';
import { Layout, roundUp } from '../bytes.ts';
import { diskError } from '../errors.ts';
import { gatherWrites } from '../gather.ts';
import { type Guid, guidBytes } from '../guid.ts';
import { allocatedBlocks, allocatedRuns } from './blocks.ts';

/** Microsoft, Virtual Hard Disk Image Format Specification 1.0. */
export interface VhdOptions {
  /** Names the disk. */
  readonly id: Guid;
  /** Seconds since 1970. @default 946684800, the format's own epoch */
  readonly mtime?: number;
}

const SECTOR = 512;
const FOOTER_BYTES = 512;
const HEADER_BYTES = 1024;
const BLOCK_BYTES = 2 << 20;
const BITMAP_BYTES = 512;
const COPY_BYTES = 64 << 10;
/** 2000-01-01T00:00:00Z, from which VHD counts seconds. */
const EPOCH = 946684800;
const MAX_BYTES = 2040 * 2 ** 30;
const TYPE_FIXED = 2;
const TYPE_DYNAMIC = 3;
const NO_OFFSET = 0xffff_ffff;

/** Writes a fixed VHD: the disk as it is (whole MiB, as Azure asks), then the footer. @returns its length. */
export function writeFixedVhd(source: BlockSource, sink: BlockSink, options: VhdOptions): Promise<number> {
  return gatherWrites(sink, {}, (gathering) => writeFixed(source, gathering, options));
}

async function writeFixed(source: BlockSource, sink: BlockSink, options: VhdOptions): Promise<number> {
  const diskBytes = checkedSize(source);
  for await (const { index, bytes } of allocatedRuns(source, COPY_BYTES))
    await sink.write(index * COPY_BYTES, bytes);
  await sink.write(diskBytes, encodeFooter(diskBytes, TYPE_FIXED, options));
  await sink.truncate(diskBytes + FOOTER_BYTES);
  return diskBytes + FOOTER_BYTES;
}

/** Writes a dynamic VHD: blocks of 2 MiB, those of zeros absent. @returns its length. */
export function writeDynamicVhd(source: BlockSource, sink: BlockSink, options: VhdOptions): Promise<number> {
  return gatherWrites(sink, {}, (gathering) => writeDynamic(source, gathering, options));
}

async function writeDynamic(source: BlockSource, sink: BlockSink, options: VhdOptions): Promise<number> {
  const diskBytes = checkedSize(source);
  const blocks = Math.ceil(diskBytes / BLOCK_BYTES);
  const tableBytes = roundUp(blocks * 4, SECTOR);
  const tableAt = FOOTER_BYTES + HEADER_BYTES;
  const table = new Layout(tableBytes);
  table.bytes.fill(0xff);
  let end = tableAt + tableBytes;
  const bitmap = new Uint8Array(BITMAP_BYTES).fill(0xff);
  for await (const { index, bytes } of allocatedBlocks(source, BLOCK_BYTES)) {
    table.u32be(index * 4, end / SECTOR);
    await sink.write(end, bitmap);
    await sink.write(end + BITMAP_BYTES, bytes);
    end += BITMAP_BYTES + BLOCK_BYTES;
  }
  const footer = encodeFooter(diskBytes, TYPE_DYNAMIC, options);
  await sink.write(0, footer);
  await sink.write(FOOTER_BYTES, encodeDynamicHeader(tableAt, blocks));
  await sink.write(tableAt, table.bytes);
  await sink.write(end, footer);
  await sink.truncate(end + FOOTER_BYTES);
  return end + FOOTER_BYTES;
}

function checkedSize(source: BlockSource): number {
  const diskBytes = roundUp(source.sizeBytes, 1 << 20);
  if (diskBytes > MAX_BYTES)
    throw diskError('disk.too-large', `a disk of ${diskBytes} bytes; a VHD holds 2040 GiB`, {
      hint: 'use vhdx',
    });
  return diskBytes;
}

function encodeFooter(diskBytes: number, type: number, options: VhdOptions): Uint8Array {
  const layout = new Layout(FOOTER_BYTES).text(0, 'conectix').u32be(8, 2).u32be(12, 0x0001_0000);
  if (type === TYPE_FIXED) layout.u32be(16, NO_OFFSET).u32be(20, NO_OFFSET);
  else layout.u64be(16, FOOTER_BYTES);
  layout
    .u32be(24, Math.max(0, (options.mtime ?? EPOCH) - EPOCH))
    // Readers that trust the size below rather than the geometry know it by this creator.
    .text(28, 'win ')
    .u32be(32, 0x0001_0000)
    .text(36, 'Wi2k')
    .u64be(40, diskBytes)
    .u64be(48, diskBytes);
  const { cylinders, heads, sectors } = geometry(diskBytes / SECTOR);
  layout.u16be(56, cylinders).u8(58, heads).u8(59, sectors).u32be(60, type).set(68, guidBytes(options.id));
  return layout.u32be(64, checksum(layout.bytes)).bytes;
}

function encodeDynamicHeader(tableAt: number, blocks: number): Uint8Array {
  const layout = new Layout(HEADER_BYTES)
    .text(0, 'cxsparse')
    .u32be(8, NO_OFFSET)
    .u32be(12, NO_OFFSET)
    .u64be(16, tableAt)
    .u32be(24, 0x0001_0000)
    .u32be(28, blocks)
    .u32be(32, BLOCK_BYTES);
  return layout.u32be(36, checksum(layout.bytes)).bytes;
}

function checksum(bytes: Uint8Array): number {
  return ~bytes.reduce((sum, byte) => sum + byte, 0) >>> 0;
}

/** The specification's appendix "CHS Calculation". */
function geometry(diskSectors: number): { cylinders: number; heads: number; sectors: number } {
  const total = Math.min(diskSectors, 65535 * 16 * 255);
  if (total >= 65535 * 16 * 63) return { cylinders: Math.floor(total / (255 * 16)), heads: 16, sectors: 255 };
  let sectors = 17;
  let cylinderHeads = Math.floor(total / sectors);
  let heads = Math.max(4, Math.floor((cylinderHeads + 1023) / 1024));
  if (cylinderHeads >= heads * 1024 || heads > 16) {
    sectors = 31;
    heads = 16;
    cylinderHeads = Math.floor(total / sectors);
  }
  if (cylinderHeads >= heads * 1024) {
    sectors = 63;
    heads = 16;
    cylinderHeads = Math.floor(total / sectors);
  }
  return { cylinders: Math.floor(cylinderHeads / heads), heads, sectors };
}
