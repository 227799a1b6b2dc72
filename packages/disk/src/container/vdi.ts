import type { BlockSink, BlockSource } from '../block.ts';
import { Layout, roundUp } from '../bytes.ts';
import { gatherWrites } from '../gather.ts';
import { type Guid, guidBytes } from '../guid.ts';
import { allocatedRuns } from './blocks.ts';

const BLOCK_BYTES = 1 << 20;
const HEADER_BYTES = 512;
const FREE = 0xffff_ffff;
const TYPE_DYNAMIC = 1;

/**
 * Writes a dynamic VirtualBox disk (version 1.1), blocks of 1 MiB. Source: QEMU, block/vdi.c, the header's
 * description. @returns the file's length in bytes.
 */
export function writeVdi(
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
  const blocks = Math.ceil(source.sizeBytes / BLOCK_BYTES);
  const map = new Layout(Math.max(blocks, 1) * 4);
  map.bytes.fill(FREE & 0xff);
  const dataAt = roundUp(HEADER_BYTES + map.bytes.length, BLOCK_BYTES);
  let allocated = 0;
  for await (const { index, bytes } of allocatedRuns(source, BLOCK_BYTES)) {
    const start = allocated;
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES)
      map.u32le((index + at / BLOCK_BYTES) * 4, allocated++);
    await sink.write(dataAt + start * BLOCK_BYTES, bytes);
  }
  const header = new Layout(HEADER_BYTES)
    .text(0, '<<< Orlop VDI disk image >>>\n')
    .u32le(0x40, 0xbeda107f)
    .u32le(0x44, 0x0001_0001)
    .u32le(0x48, 0x180)
    .u32le(0x4c, TYPE_DYNAMIC)
    .u32le(0x154, HEADER_BYTES)
    .u32le(0x158, dataAt)
    .u32le(0x168, 512)
    .u64le(0x170, blocks * BLOCK_BYTES)
    .u32le(0x178, BLOCK_BYTES)
    .u32le(0x180, blocks)
    .u32le(0x184, allocated)
    .set(0x188, guidBytes(options.id));
  await sink.write(0, header.bytes);
  await sink.write(HEADER_BYTES, map.bytes);
  const sizeBytes = dataAt + allocated * BLOCK_BYTES;
  await sink.truncate(sizeBytes);
  return sizeBytes;
}
