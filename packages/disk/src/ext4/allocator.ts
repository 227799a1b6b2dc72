import { diskError } from '../errors.ts';
import { BLOCK_BYTES, BLOCKS_PER_GROUP } from './constants.ts';
import { type Ext4Geometry, hasBackup } from './geometry.ts';

/** A run of blocks. */
export interface BlockRun {
  readonly start: number;
  readonly count: number;
}

/**
 * Gives out blocks in ascending order, around the copies of the superblock. Invariant: a block is given once,
 * and every given or reserved block is marked in its group's bitmap.
 */
export class BlockAllocator {
  readonly #geometry: Ext4Geometry;
  readonly #bitmaps: Uint8Array[];
  readonly #free: number[];
  #next = 0;

  constructor(geometry: Ext4Geometry) {
    this.#geometry = geometry;
    this.#bitmaps = Array.from({ length: geometry.groups }, () => new Uint8Array(BLOCKS_PER_GROUP / 8));
    this.#free = Array.from({ length: geometry.groups }, (_, group) =>
      Math.min(BLOCKS_PER_GROUP, geometry.blocks - group * BLOCKS_PER_GROUP),
    );
    for (let group = 0; group < geometry.groups; group++) {
      if (hasBackup(group)) this.#mark(group * BLOCKS_PER_GROUP, 1 + geometry.descriptorBlocks);
    }
  }

  freeBlocks(group: number): number {
    return this.#free[group] ?? 0;
  }

  /** The group's bitmap; bits beyond the last block are set. */
  bitmap(group: number): Uint8Array {
    const bitmap = this.#bitmaps[group] as Uint8Array;
    const blocks = Math.min(BLOCKS_PER_GROUP, this.#geometry.blocks - group * BLOCKS_PER_GROUP);
    setBits(bitmap, blocks, BLOCKS_PER_GROUP);
    return bitmap;
  }

  /** `count` blocks in as few runs as the copies of the superblock allow. @throws OrlopError when full. */
  allocate(count: number): BlockRun[] {
    const runs: BlockRun[] = [];
    let left = count;
    while (left > 0) {
      this.#skipReserved();
      const groupEnd = this.#nextBackup(this.#next);
      const run = { start: this.#next, count: Math.min(left, groupEnd - this.#next) };
      if (run.start + run.count > this.#geometry.blocks) throw this.#full();
      this.#mark(run.start, run.count);
      this.#next += run.count;
      left -= run.count;
      const last = runs[runs.length - 1];
      if (last !== undefined && last.start + last.count === run.start)
        runs[runs.length - 1] = { start: last.start, count: last.count + run.count };
      else runs.push(run);
    }
    return runs;
  }

  /** `count` blocks in one run. */
  allocateRun(count: number): number {
    this.#skipReserved();
    while (this.#nextBackup(this.#next) - this.#next < count) {
      this.#next = this.#nextBackup(this.#next);
      if (this.#next >= this.#geometry.blocks) throw this.#full();
      this.#skipReserved();
    }
    if (this.#next + count > this.#geometry.blocks) throw this.#full();
    const start = this.#next;
    this.#mark(start, count);
    this.#next += count;
    return start;
  }

  /** Blocks that were passed over to keep runs whole are free, but not given out again. */
  #skipReserved(): void {
    const group = Math.floor(this.#next / BLOCKS_PER_GROUP);
    const start = group * BLOCKS_PER_GROUP;
    const reserved = 1 + this.#geometry.descriptorBlocks;
    if (hasBackup(group) && this.#next - start < reserved) this.#next = start + reserved;
  }

  #nextBackup(block: number): number {
    let group = Math.floor(block / BLOCKS_PER_GROUP) + 1;
    while (group < this.#geometry.groups && !hasBackup(group)) group++;
    return group < this.#geometry.groups
      ? group * BLOCKS_PER_GROUP
      : Math.max(this.#geometry.blocks, block + 1);
  }

  #mark(start: number, count: number): void {
    for (let done = 0; done < count; ) {
      const group = Math.floor((start + done) / BLOCKS_PER_GROUP);
      const bitmap = this.#bitmaps[group];
      if (bitmap === undefined) throw this.#full();
      const from = (start + done) % BLOCKS_PER_GROUP;
      const to = Math.min(from + count - done, BLOCKS_PER_GROUP);
      setBits(bitmap, from, to);
      this.#free[group] = (this.#free[group] ?? 0) - (to - from);
      done += to - from;
    }
  }

  #full(): Error {
    return diskError(
      'disk.too-small',
      `the content needs more than the ${this.#geometry.blocks * BLOCK_BYTES} bytes of the ext4 file system`,
      {
        hint: 'ask for a larger size',
      },
    );
  }
}

/** Sets the bits from `from` to before `to`. */
export function setBits(bitmap: Uint8Array, from: number, to: number): void {
  let bit = from;
  for (; bit < to && (bit & 7) !== 0; bit++) setBit(bitmap, bit);
  bitmap.fill(0xff, bit >> 3, to >> 3);
  for (bit = Math.max(bit, to & ~7); bit < to; bit++) setBit(bitmap, bit);
}

function setBit(bitmap: Uint8Array, bit: number): void {
  bitmap[bit >> 3] = (bitmap[bit >> 3] as number) | (1 << (bit & 7));
}
