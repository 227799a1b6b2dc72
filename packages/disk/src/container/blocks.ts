import type { BlockSource } from '../block.ts';
import { isZero } from '../bytes.ts';

export interface AllocatedBlock {
  readonly index: number;
  /** `blockBytes` long, zero beyond the disk's end. Valid as {@link ReadOptions} says. */
  readonly bytes: Uint8Array;
}

/** Blocks in a row; `index` is that of the first. */
export type AllocatedRun = AllocatedBlock;

export interface ReadOptions {
  /** How many blocks the receiver still needs when it asks for one more: buffers are used again. @default 0 */
  readonly inWorks?: number;
}

/** Read at once, where blocks are smaller. */
const WINDOW_BYTES = 1 << 20;
/** The same where buffers are few: each read and each write costs a change of threads. */
const LARGE_WINDOW_BYTES = 1 << 22;

/** The blocks of a disk that hold anything but zeros, in order. */
export async function* allocatedBlocks(
  source: BlockSource,
  blockBytes: number,
  options: ReadOptions = {},
): AsyncGenerator<AllocatedBlock> {
  for await (const { index, bytes } of allocatedRuns(source, blockBytes, options)) {
    for (let at = 0; at < bytes.length; at += blockBytes)
      yield { index: index + at / blockBytes, bytes: bytes.subarray(at, at + blockBytes) };
  }
}

/** The same, those that lie beside each other together, up to 4 MiB. */
export async function* allocatedRuns(
  source: BlockSource,
  blockBytes: number,
  { inWorks = 0 }: ReadOptions = {},
): AsyncGenerator<AllocatedRun> {
  // One is being read while the receiver has another; blocks in the works may each be of a window of their own.
  const windowBytes = inWorks === 0 ? LARGE_WINDOW_BYTES : WINDOW_BYTES;
  const windowBlocks = Math.max(1, Math.floor(windowBytes / blockBytes));
  const windows = readWindows(source, { blockBytes, windowBlocks, bufferCount: 2 + inWorks });
  let window = begin(windows);
  for (;;) {
    const { done, value } = await window;
    if (done === true) return;
    window = begin(windows);
    yield* runsOf(value, blockBytes);
  }
}

function* runsOf({ first, bytes }: Window, blockBytes: number): Generator<AllocatedRun> {
  let from = 0;
  for (let at = 0; at <= bytes.length; at += blockBytes) {
    if (at < bytes.length && !isZero(bytes, at, at + blockBytes)) continue;
    if (at > from) yield { index: first + from / blockBytes, bytes: bytes.subarray(from, at) };
    from = at + blockBytes;
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

async function* readWindows(
  source: BlockSource,
  {
    blockBytes,
    windowBlocks,
    bufferCount,
  }: { readonly blockBytes: number; readonly windowBlocks: number; readonly bufferCount: number },
): AsyncGenerator<Window, void> {
  const buffers: Uint8Array[] = [];
  let count = 0;
  let next = 0;
  for (const { offset, length } of source.extents) {
    const end = Math.ceil(Math.min(offset + length, source.sizeBytes) / blockBytes);
    for (let first = Math.max(next, Math.floor(offset / blockBytes)); first < end; first += windowBlocks) {
      const n = count++ % bufferCount;
      const buffer = buffers[n] ?? new Uint8Array(windowBlocks * blockBytes);
      buffers[n] = buffer;
      const bytes = buffer.subarray(0, Math.min(windowBlocks, end - first) * blockBytes);
      const at = first * blockBytes;
      const present = Math.min(bytes.length, source.sizeBytes - at);
      await source.read(at, bytes.subarray(0, present));
      bytes.fill(0, present);
      yield { first, bytes };
    }
    next = Math.max(next, end);
  }
}
