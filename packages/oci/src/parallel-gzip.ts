import { availableParallelism } from 'node:os';
import { constants, crc32, deflateRaw, type InputType } from 'node:zlib';
import { recycle } from '@orlop/archive';

/** Fixed, since it decides the bytes: large enough that the flush between blocks costs under 0.1 %. */
const BLOCK_BYTES = 512 * 1024;
/** How far back DEFLATE can point (RFC 1951 §2). */
const WINDOW_BYTES = 32 * 1024;
/** A final, empty block with fixed codes: what ends a stream whose other blocks are all not final. */
const END_OF_DEFLATE = new Uint8Array([0x03, 0x00]);
/** RFC 1952 §2.3: magic, deflate, no flags, no time, no extra flags, system "Unix". */
const HEADER = new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);

export interface GzipOptions {
  /** zlib's, 1 to 9. @default 6 */
  readonly level?: number;
  /** Blocks that are compressed at once, in libuv's threads. @default the number of cores */
  readonly concurrency?: number;
}

/**
 * Compresses to one gzip member on all cores: the input is cut into blocks that are deflated on their own, each
 * with the end of the block before as its dictionary. The bytes depend on content and level alone, neither on
 * the number of cores nor on how the source is chunked. Holds a few blocks in memory.
 */
export async function* gzipParallel(
  source: AsyncIterable<Uint8Array>,
  options: GzipOptions = {},
): AsyncGenerator<Uint8Array> {
  const level = options.level ?? 6;
  const concurrency = Math.max(1, options.concurrency ?? availableParallelism());
  const running: Promise<Uint8Array>[] = [];
  let dictionary: Uint8Array | undefined;
  let checksum = 0;
  let total = 0;
  yield HEADER;
  // One being filled, `concurrency` in the works, and the one before them, whose end is a dictionary.
  for await (const block of cut(source, concurrency + 2)) {
    checksum = crc32(block, checksum);
    total += block.length;
    const compressed = deflateBlock(block, { level, dictionary });
    compressed.catch(() => {}); // seen when it is awaited, or nobody reads on
    running.push(compressed);
    dictionary = block.subarray(Math.max(0, block.length - WINDOW_BYTES));
    const oldest = running.length > concurrency ? running.shift() : undefined;
    if (oldest !== undefined) yield await oldest;
  }
  for (const compressed of running) yield await compressed;
  const trailer = new Uint8Array(END_OF_DEFLATE.length + 8);
  trailer.set(END_OF_DEFLATE);
  putU32(trailer, 2, checksum);
  putU32(trailer, 6, total % 2 ** 32);
  yield trailer;
}

function deflateBlock(
  block: InputType,
  { level, dictionary }: { level: number; dictionary: Uint8Array | undefined },
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const options = {
      level,
      finishFlush: constants.Z_SYNC_FLUSH,
      chunkSize: BLOCK_BYTES / 2,
      ...(dictionary !== undefined && { dictionary }),
    };
    deflateRaw(block, options, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
}

/**
 * Blocks of exactly {@link BLOCK_BYTES}, but for the last, in `bufferCount` buffers that are used over and over: a
 * fresh one for each, of a gigabyte, took 350 MB until the collector saw to them.
 */
async function* cut(source: AsyncIterable<Uint8Array>, bufferCount: number): AsyncGenerator<Uint8Array> {
  const buffers: Uint8Array[] = [];
  let count = 0;
  const take = () => {
    const n = count++ % bufferCount;
    const buffer = buffers[n] ?? new Uint8Array(BLOCK_BYTES);
    buffers[n] = buffer;
    return buffer;
  };
  let block = take();
  let used = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + BLOCK_BYTES - used);
      block.set(piece, used);
      used += piece.length;
      at += piece.length;
      if (used === BLOCK_BYTES) {
        yield block;
        block = take();
        used = 0;
      }
    }
    recycle(chunk);
  }
  if (used > 0) yield block.subarray(0, used);
}

function putU32(bytes: Uint8Array, offset: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[offset + i] = (value / 2 ** (8 * i)) & 0xff;
}
