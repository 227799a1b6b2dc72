import { execFileSync } from 'node:child_process';
import type { BlockCompressor } from '../compressor.ts';

/** xz as squashfs has it: one stream with CRC-32, the dictionary no larger than the smallest block used here. */
export const hostXz: BlockCompressor = {
  kind: 'xz',
  concurrency: 2,
  compress: async (block) =>
    execFileSync('xz', ['--format=xz', '--check=crc32', '--lzma2=dict=32768', '-c'], { input: block }),
};

/** One frame with its content's size: its window is then no larger than the block, as Linux demands. */
export const hostZstd: BlockCompressor = {
  kind: 'zstd',
  concurrency: 2,
  compress: async (block) =>
    execFileSync('zstd', ['-q', '-c', `--stream-size=${block.length}`], { input: block }),
};
