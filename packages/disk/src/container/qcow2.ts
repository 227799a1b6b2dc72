import type { BlockSink, BlockSource } from '../block.ts';
import { Layout, roundUp } from '../bytes.ts';
import { OrderedWork } from '../compressor.ts';
import { gatherWrites } from '../gather.ts';
import { allocatedBlocks, allocatedRuns } from './blocks.ts';

export interface Qcow2Options {
  /** Compresses clusters: raw deflate with a window of 4 KiB (`windowBits` 12). @default not compressed */
  readonly compressor?: { readonly concurrency: number; compress(cluster: Uint8Array): Promise<Uint8Array> };
}

/** QEMU, docs/interop/qcow2.txt; 64 KiB is also qemu-img's default. */
const CLUSTER_BITS = 16;
const CLUSTER_BYTES = 1 << CLUSTER_BITS;
const HEADER_BYTES = 104;
const L2_ENTRIES = CLUSTER_BYTES / 8;
const REFCOUNT_ORDER = 4;
const REFCOUNTS_PER_BLOCK = CLUSTER_BYTES / 2;
/** High halves of 64-bit entries: the cluster is used once (bit 63); the cluster is compressed (bit 62). */
const COPIED = 0x8000_0000;
const COMPRESSED = 0x4000_0000;
/** Where a compressed entry's count of further 512-byte sectors begins: 62 - (cluster_bits - 8). */
const SECTOR_COUNT_SHIFT = 62 - (CLUSTER_BITS - 8);

/**
 * Writes a qcow2 (version 3) image: header, data, then the tables. Clusters of zeros are not stored.
 *
 * @returns the file's length in bytes.
 */
export function writeQcow2(
  source: BlockSource,
  sink: BlockSink,
  options: Qcow2Options = {},
): Promise<number> {
  return gatherWrites(sink, {}, (gathering) => writeClusters(source, gathering, options));
}

async function writeClusters(source: BlockSource, sink: BlockSink, options: Qcow2Options): Promise<number> {
  const clusters = new ClusterWriter(sink);
  const { compressor } = options;
  if (compressor === undefined) {
    for await (const { index, bytes } of allocatedRuns(source, CLUSTER_BYTES))
      await clusters.storePlain(index, bytes);
  } else {
    const work = new OrderedWork<Uint8Array>(compressor.concurrency);
    const inWorks = compressor.concurrency;
    for await (const { index, bytes } of allocatedBlocks(source, CLUSTER_BYTES, { inWorks })) {
      await work.add(compressor.compress(bytes), (packed) =>
        packed.length < CLUSTER_BYTES
          ? clusters.storePacked(index, packed)
          : clusters.storePlain(index, bytes),
      );
    }
    await work.drain();
  }
  const sizeBytes = await clusters.finish(source.sizeBytes);
  await sink.truncate(sizeBytes);
  return sizeBytes;
}

/** Stores clusters one after the other behind the header, then the tables that lead to them. */
class ClusterWriter {
  readonly #sink: BlockSink;
  readonly #l2Tables = new Map<number, Layout>();
  readonly #references = new RefCounts();
  #end = CLUSTER_BYTES;

  constructor(sink: BlockSink) {
    this.#sink = sink;
    this.#references.add(0, HEADER_BYTES);
  }

  /** @param index of the first of these clusters on the disk */
  async storePlain(index: number, bytes: Uint8Array): Promise<void> {
    const start = roundUp(this.#end, CLUSTER_BYTES);
    for (let at = 0; at < bytes.length; at += CLUSTER_BYTES)
      this.#setEntry(index + at / CLUSTER_BYTES, (COPIED | high32(start + at)) >>> 0, low32(start + at));
    this.#references.add(start, bytes.length);
    this.#end = start + bytes.length;
    await this.#sink.write(start, bytes);
  }

  async storePacked(index: number, packed: Uint8Array): Promise<void> {
    const at = this.#end;
    const sectors = Math.floor((at + packed.length - 1) / 512) - Math.floor(at / 512);
    this.#setEntry(
      index,
      (COMPRESSED | (sectors << (SECTOR_COUNT_SHIFT - 32)) | high32(at)) >>> 0,
      low32(at),
    );
    this.#references.add(at, packed.length);
    this.#end += packed.length;
    await this.#sink.write(at, packed);
  }

  /** Writes tables and header. @returns the file's length in bytes */
  async finish(diskBytes: number): Promise<number> {
    this.#end = roundUp(this.#end, CLUSTER_BYTES);
    const l1Entries = Math.max(1, Math.ceil(diskBytes / (CLUSTER_BYTES * L2_ENTRIES)));
    const l1 = new Layout(roundUp(l1Entries * 8, CLUSTER_BYTES));
    for (const [table, layout] of [...this.#l2Tables].sort(([a], [b]) => a - b)) {
      const at = await this.#append(layout.bytes);
      l1.u32be(table * 8, (COPIED | high32(at)) >>> 0).u32be(table * 8 + 4, low32(at));
    }
    const l1At = await this.#append(l1.bytes);
    const { tableAt, tableClusters, sizeBytes } = await writeReferences(
      this.#sink,
      this.#references,
      this.#end,
    );
    const header = new Layout(HEADER_BYTES)
      .u32be(0, 0x514649fb)
      .u32be(4, 3)
      .u32be(20, CLUSTER_BITS)
      .u64be(24, diskBytes)
      .u32be(36, l1Entries)
      .u64be(40, l1At)
      .u64be(48, tableAt)
      .u32be(56, tableClusters)
      .u32be(96, REFCOUNT_ORDER)
      .u32be(100, HEADER_BYTES);
    await this.#sink.write(0, header.bytes);
    return sizeBytes;
  }

  /** Whole clusters at a cluster's start. @returns where they lie */
  async #append(clusters: Uint8Array): Promise<number> {
    const at = this.#end;
    this.#references.add(at, clusters.length);
    this.#end += clusters.length;
    await this.#sink.write(at, clusters);
    return at;
  }

  #setEntry(index: number, high: number, low: number): void {
    const table = Math.floor(index / L2_ENTRIES);
    let layout = this.#l2Tables.get(table);
    if (layout === undefined) {
      layout = new Layout(CLUSTER_BYTES);
      this.#l2Tables.set(table, layout);
    }
    layout.u32be((index % L2_ENTRIES) * 8, high).u32be((index % L2_ENTRIES) * 8 + 4, low);
  }
}

/** How often each cluster of the file is used. */
class RefCounts {
  readonly #counts: number[] = [];

  get clusters(): number {
    return this.#counts.length;
  }

  add(offset: number, length: number): void {
    const last = Math.floor((offset + length - 1) / CLUSTER_BYTES);
    for (let cluster = Math.floor(offset / CLUSTER_BYTES); cluster <= last; cluster++) {
      while (this.#counts.length <= cluster) this.#counts.push(0);
      this.#counts[cluster] = (this.#counts[cluster] ?? 0) + 1;
    }
  }

  encode(block: number): Uint8Array {
    const layout = new Layout(CLUSTER_BYTES);
    const first = block * REFCOUNTS_PER_BLOCK;
    for (let i = 0; i < REFCOUNTS_PER_BLOCK && first + i < this.#counts.length; i++)
      layout.u16be(i * 2, this.#counts[first + i] ?? 0);
    return layout.bytes;
  }
}

/** Writes the table of counts, which counts itself, at `start` (a cluster's start). */
async function writeReferences(
  sink: BlockSink,
  references: RefCounts,
  start: number,
): Promise<{ tableAt: number; tableClusters: number; sizeBytes: number }> {
  let blocks = 0;
  let tableClusters = 0;
  const used = start / CLUSTER_BYTES;
  for (;;) {
    const total = used + blocks + tableClusters;
    const neededBlocks = Math.ceil(total / REFCOUNTS_PER_BLOCK);
    const neededTable = Math.ceil((neededBlocks * 8) / CLUSTER_BYTES);
    if (neededBlocks === blocks && neededTable === tableClusters) break;
    blocks = neededBlocks;
    tableClusters = neededTable;
  }
  const tableAt = start + blocks * CLUSTER_BYTES;
  references.add(start, (blocks + tableClusters) * CLUSTER_BYTES);
  const table = new Layout(tableClusters * CLUSTER_BYTES);
  for (let block = 0; block < blocks; block++) {
    table.u64be(block * 8, start + block * CLUSTER_BYTES);
    await sink.write(start + block * CLUSTER_BYTES, references.encode(block));
  }
  await sink.write(tableAt, table.bytes);
  return { tableAt, tableClusters, sizeBytes: tableAt + table.bytes.length };
}

function high32(value: number): number {
  return Math.floor(value / 0x1_0000_0000);
}

function low32(value: number): number {
  return value % 0x1_0000_0000;
}
