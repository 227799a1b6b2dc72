import type { BlockSource } from '../block.ts';
import { isZero } from '../bytes.ts';

export interface AllocatedBlock {
  readonly index: number;
  /** `blockBytes` long, zero beyond the disk's end; the receiver's to keep. */
  readonly bytes: Uint8Array;
}

/** Read at once, where blocks are smaller. */
const WINDOW_BYTES = 1 << 20;

/** The blocks of a disk that hold anything but zeros, in order. */
export async function* allocatedBlocks(
  source: BlockSource,
  blockBytes: number,
): AsyncGenerator<AllocatedBlock> {
  const windows = readWindows(source, blockBytes);
  let window = begin(windows);
  for (;;) {
    const { done, value } = await window;
    if (done === true) return;
    // The next is read while the receiver works on this one.
    window = begin(windows);
    for (let at = 0; at < value.bytes.length; at += blockBytes) {
      const bytes = value.bytes.subarray(at, at + blockBytes);
      if (!isZero(bytes)) yield { index: value.first + at / blockBytes, bytes };
    }
  }
}

/** Its failure is seen when its turn comes. */
function begin(windows: AsyncGenerator<Window>): Promise<IteratorResult<Window, void>> {
  const next = windows.next();
  next.catch(() => {});
  return next;
}

/** Blocks in a row; `first` is the index of the first. */
interface Window {
  readonly first: number;
  readonly bytes: Uint8Array;
}

async function* readWindows(source: BlockSource, blockBytes: number): AsyncGenerator<Window, void> {
  const windowBlocks = Math.max(1, Math.floor(WINDOW_BYTES / blockBytes));
  let next = 0;
  for (const { offset, length } of source.extents) {
    const end = Math.ceil(Math.min(offset + length, source.sizeBytes) / blockBytes);
    for (let first = Math.max(next, Math.floor(offset / blockBytes)); first < end; first += windowBlocks) {
      const bytes = new Uint8Array(Math.min(windowBlocks, end - first) * blockBytes);
      const at = first * blockBytes;
      await source.read(at, bytes.subarray(0, Math.min(bytes.length, source.sizeBytes - at)));
      yield { first, bytes };
    }
    next = Math.max(next, end);
  }
}
