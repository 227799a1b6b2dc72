import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { deflate, deflateRaw, type InputType, type ZlibOptions } from 'node:zlib';
import type { BlockCompressor } from '@orlop/disk';

const deflateAsync = promisify(
  (block: InputType, options: ZlibOptions, done: (error: Error | null, bytes: Buffer) => void) =>
    deflate(block, options, done),
);
const deflateRawAsync = promisify(
  (block: InputType, options: ZlibOptions, done: (error: Error | null, bytes: Buffer) => void) =>
    deflateRaw(block, options, done),
);

/** zlib compresses in libuv's threads: a few blocks more than cores keep them busy. */
const concurrency = availableParallelism() + 2;

/** zlib streams (RFC 1950): squashfs's "gzip", VMDK's grains. */
export const zlibCompressor: BlockCompressor = {
  kind: 'gzip',
  concurrency,
  compress: (block) => deflateAsync(block, { chunkSize: roomFor(block) }),
};

/** What qcow2 takes: raw deflate with a window of 4 KiB (docs/interop/qcow2.txt). */
export const qcow2Compressor = {
  concurrency,
  compress: (block: Uint8Array): Promise<Uint8Array> =>
    deflateRawAsync(block, { windowBits: 12, chunkSize: roomFor(block) }),
};

/** All of what a block can become, so that a thread does it in one go: zlib.h, deflateBound. */
function roomFor(block: Uint8Array): number {
  return block.length + (block.length >> 12) + (block.length >> 14) + (block.length >> 25) + 64;
}
