export * from './block.ts';
export type { BlockCompressor } from './compressor.ts';
export * from './crc32.ts';
export { type FatOptions, type FatResult, fatSizeFor, writeFat } from './fat/writer.ts';
export * from './guid.ts';
export * from './partition/gpt.ts';
export * from './partition/mbr.ts';
export { type SquashfsOptions, writeSquashfs } from './squashfs/writer.ts';
export * from './tree.ts';
