import { Layout } from '../bytes.ts';
import { encodeDevice } from '../device-number.ts';
import type { TreeNode } from '../tree.ts';
import { chainChecksum } from './checksum.ts';
import { BLOCK_BYTES, EXTRA_INODE_BYTES, fileKind } from './constants.ts';

export interface InodeFields {
  readonly type: TreeNode['type'];
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly links: number;
  readonly sizeBytes: number;
  /** Blocks of content, tree and attributes. */
  readonly blocks: number;
  readonly flags: number;
  /** The 60 bytes that hold an extent tree's root, a short symlink's target, or a device's number. */
  readonly root: Uint8Array;
  readonly xattrs?: Uint8Array;
  readonly xattrBlock?: number;
}

/** Linux, fs/ext4/ext4.h, EXT4_LINK_MAX. */
export const MAX_LINKS = 65000;

/** Offsets of each time's seconds, and of what goes beyond them: change, modification, access, birth. */
const TIMES = [
  [0x0c, 0x84],
  [0x10, 0x88],
  [0x08, 0x8c],
  [0x90, 0x94],
] as const;

/** From 1901 to 2446: 34 bits of seconds. What is outside is at the nearer end, as Linux has it. */
const FIRST_SECOND = -(2 ** 31);
const LAST_SECOND = 2 ** 34 - 2 ** 31 - 1;

/** @param seed checksum seed of the inode. @param slot takes the inode; all zero before */
export function putInode(fields: InodeFields, seed: number, slot: Uint8Array): void {
  const mtime = Math.min(Math.max(fields.mtime, FIRST_SECOND), LAST_SECOND);
  const seconds = Math.floor(mtime);
  const nanoseconds = Math.min(Math.round((mtime - seconds) * 1e9), 999_999_999);
  // Two bits carry the seconds beyond 2038; the rest is nanoseconds.
  const extra = ((nanoseconds << 2) | (Math.floor((seconds + 2 ** 31) / 2 ** 32) & 3)) >>> 0;
  const sectors = fields.blocks * (BLOCK_BYTES / 512);
  const xattrBlock = fields.xattrBlock ?? 0;
  const layout = new Layout(slot)
    .u16le(0x00, fileKind[fields.type].mode | fields.mode)
    .u16le(0x02, fields.uid & 0xffff)
    .u32le(0x04, fields.sizeBytes % 2 ** 32)
    .u16le(0x18, fields.gid & 0xffff)
    // A directory with more subdirectories than fit says 1 ("dir_nlink").
    .u16le(0x1a, fields.links > MAX_LINKS ? 1 : fields.links)
    .u32le(0x1c, sectors % 2 ** 32)
    .u32le(0x20, fields.flags)
    .set(0x28, fields.root)
    .u32le(0x68, xattrBlock % 2 ** 32)
    .u32le(0x6c, Math.floor(fields.sizeBytes / 2 ** 32))
    .u16le(0x74, Math.floor(sectors / 2 ** 32))
    .u16le(0x76, Math.floor(xattrBlock / 2 ** 32))
    .u16le(0x78, fields.uid >>> 16)
    .u16le(0x7a, fields.gid >>> 16)
    .u16le(0x80, EXTRA_INODE_BYTES);
  for (const [at, extraAt] of TIMES) layout.u32le(at, seconds >>> 0).u32le(extraAt, extra);
  if (fields.xattrs !== undefined) layout.set(128 + EXTRA_INODE_BYTES, fields.xattrs);
  const checksum = chainChecksum(seed, slot);
  layout.u16le(0x7c, checksum & 0xffff).u16le(0x82, checksum >>> 16);
}

/** i_block of a device: the old form where both numbers fit a byte, else the new. */
export function encodeDeviceRoot(major: number, minor: number): Uint8Array {
  const layout = new Layout(60);
  if (major < 256 && minor < 256) return layout.u32le(0, (major << 8) | minor).bytes;
  return layout.u32le(4, encodeDevice(major, minor)).bytes;
}
