export * from './block.ts';
export type { BlockCompressor } from './compressor.ts';
export { type Qcow2Options, writeQcow2 } from './container/qcow2.ts';
export { writeVdi } from './container/vdi.ts';
export { type VhdOptions, writeDynamicVhd, writeFixedVhd } from './container/vhd.ts';
export { writeVhdx } from './container/vhdx.ts';
export {
  type GrainCompressor,
  type VmdkOptions,
  writeSparseVmdk,
  writeStreamVmdk,
} from './container/vmdk.ts';
export * from './crc32.ts';
export { type ErofsOptions, writeErofs } from './erofs/writer.ts';
export { ext4SizeFor } from './ext4/size.ts';
export { type Ext4Options, writeExt4 } from './ext4/writer.ts';
export type { FatBits } from './fat/geometry.ts';
export { type FatOptions, type FatResult, type FileOffset, fatSizeFor, writeFat } from './fat/writer.ts';
export * from './guid.ts';
export type { BootImage, HybridOptions } from './iso/boot.ts';
export { type IsoOptions, writeIso } from './iso/writer.ts';
export * from './partition/gpt.ts';
export * from './partition/mbr.ts';
export { type SquashfsOptions, writeSquashfs } from './squashfs/writer.ts';
export * from './tree.ts';
