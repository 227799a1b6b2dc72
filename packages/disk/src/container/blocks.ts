import type { BlockSource } from '../block.ts';
import { isZero } from '../bytes.ts';

export interface AllocatedBlock {
  readonly index: number;
  /** `blockBytes` long, zero beyond the disk's end; the receiver's to keep. */
  readonly bytes: Uint8Array;
}

/** The blocks of a disk that hold anything but zeros, in order. */
export async function* allocatedBlocks(
  source: BlockSource,
  blockBytes: number,
): AsyncGenerator<AllocatedBlock> {
  let next = 0;
  for (const { offset, length } of source.extents) {
    const end = Math.ceil(Math.min(offset + length, source.sizeBytes) / blockBytes);
    for (let index = Math.max(next, Math.floor(offset / blockBytes)); index < end; index++) {
      const bytes = new Uint8Array(blockBytes);
      const at = index * blockBytes;
      await source.read(at, bytes.subarray(0, Math.min(blockBytes, source.sizeBytes - at)));
      if (!isZero(bytes)) yield { index, bytes };
    }
    next = Math.max(next, end);
  }
}
