import { Layout } from '../bytes.ts';
import { type Guid, guidBytes } from '../guid.ts';
import { chainChecksum } from './checksum.ts';
import {
  BLOCKS_PER_GROUP,
  compatFeature,
  DESCRIPTOR_BYTES,
  EXTRA_INODE_BYTES,
  INODE_BYTES,
  incompatFeature,
  JOURNAL_INODE,
  LOST_FOUND_INODE,
  roCompatFeature,
  SUPERBLOCK_BYTES,
} from './constants.ts';
import type { Ext4Geometry } from './geometry.ts';

export interface SuperblockFields {
  readonly geometry: Ext4Geometry;
  readonly uuid: Uint8Array;
  readonly hashSeed: Uint8Array;
  readonly label: string;
  readonly mtime: number;
  readonly freeBlocks: number;
  readonly freeInodes: number;
  /** i_block and size of the journal's inode, kept as a copy; absent without a journal. */
  readonly journal?: { readonly root: Uint8Array; readonly sizeBytes: number };
}

const LOG_BLOCK_SIZE = 2; // 1024 << 2
const LOG_GROUPS_PER_FLEX = 4;
const MOUNT_XATTR_AND_ACL = 0xc;
const UNSIGNED_HASH = 2;
const HALF_MD4 = 1;
const CRC32C = 1;

/** @param group whose copy this is. */
export function encodeSuperblock(fields: SuperblockFields, group: number): Uint8Array {
  const { geometry, mtime } = fields;
  const layout = new Layout(SUPERBLOCK_BYTES)
    .u32le(0x00, geometry.inodesPerGroup * geometry.groups)
    .u32le(0x04, geometry.blocks % 2 ** 32)
    .u32le(0x0c, fields.freeBlocks % 2 ** 32)
    .u32le(0x10, fields.freeInodes)
    .u32le(0x18, LOG_BLOCK_SIZE)
    .u32le(0x1c, LOG_BLOCK_SIZE)
    .u32le(0x20, BLOCKS_PER_GROUP)
    .u32le(0x24, BLOCKS_PER_GROUP)
    .u32le(0x28, geometry.inodesPerGroup)
    .u32le(0x30, mtime)
    .u16le(0x36, 0xffff)
    .u16le(0x38, 0xef53)
    .u16le(0x3a, 1)
    .u16le(0x3c, 1)
    .u32le(0x40, mtime)
    .u32le(0x4c, 1)
    .u32le(0x54, LOST_FOUND_INODE)
    .u16le(0x58, INODE_BYTES)
    .u16le(0x5a, group)
    .u32le(
      0x5c,
      compatFeature.extAttr |
        compatFeature.dirIndex |
        (fields.journal === undefined ? 0 : compatFeature.hasJournal),
    )
    .u32le(
      0x60,
      incompatFeature.fileType | incompatFeature.extents | incompatFeature.bit64 | incompatFeature.flexBg,
    )
    .u32le(
      0x64,
      Object.values(roCompatFeature).reduce((all, feature) => all | feature, 0),
    )
    .set(0x68, fields.uuid)
    .set(0x78, new TextEncoder().encode(fields.label).subarray(0, 16))
    .set(0xec, fields.hashSeed)
    .u8(0xfc, HALF_MD4)
    .u16le(0xfe, DESCRIPTOR_BYTES)
    .u32le(0x100, MOUNT_XATTR_AND_ACL)
    .u32le(0x108, mtime)
    .u32le(0x150, Math.floor(geometry.blocks / 2 ** 32))
    .u32le(0x158, Math.floor(fields.freeBlocks / 2 ** 32))
    .u16le(0x15c, EXTRA_INODE_BYTES)
    .u16le(0x15e, EXTRA_INODE_BYTES)
    .u32le(0x160, UNSIGNED_HASH)
    .u8(0x174, LOG_GROUPS_PER_FLEX)
    .u8(0x175, CRC32C);
  if (fields.journal !== undefined) {
    layout
      .u32le(0xe0, JOURNAL_INODE)
      .u8(0xfd, 1)
      .set(0x10c, fields.journal.root)
      .u32le(0x10c + 60, Math.floor(fields.journal.sizeBytes / 2 ** 32))
      .u32le(0x10c + 64, fields.journal.sizeBytes % 2 ** 32);
  }
  return layout.u32le(0x3fc, chainChecksum(0xffff_ffff, layout.bytes.subarray(0, 0x3fc))).bytes;
}

/** A journal's first block, empty. jbd2, fs/jbd2/journal.c; big endian. */
export function encodeJournalHead(blocks: number, uuid: Uint8Array, blockBytes: number): Uint8Array {
  return new Layout(1024)
    .u32be(0, 0xc03b3998)
    .u32be(4, 4)
    .u32be(12, blockBytes)
    .u32be(16, blocks)
    .u32be(20, 1)
    .u32be(24, 1)
    .set(48, uuid)
    .u32be(64, 1).bytes;
}

/** The 16 bytes of a UUID in the order of its text, as Linux writes them. */
export function uuidBytes(uuid: Guid): Uint8Array {
  const b = guidBytes(uuid);
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(order, (at) => b[at] as number);
}
