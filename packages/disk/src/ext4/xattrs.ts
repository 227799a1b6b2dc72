import { compareBytes, Layout } from '../bytes.ts';
import { diskError } from '../errors.ts';
import { LINUX_PREFIXES, type SplitXattr, splitXattr } from '../xattr-names.ts';
import { chainChecksum } from './checksum.ts';
import { BLOCK_BYTES, EXTRA_INODE_BYTES, INODE_BYTES } from './constants.ts';

const MAGIC = 0xea020000;
/** Room in an inode after its own fields and the magic. */
const INODE_ROOM = INODE_BYTES - 128 - EXTRA_INODE_BYTES - 4;
/** A POSIX ACL as programs see it (linux/posix_acl_xattr.h), and as ext4 keeps it (fs/ext4/acl.h). */
const ACL = { version: 2, headBytes: 4, entryBytes: 8 } as const;
const STORED_ACL_VERSION = 1;
/** Tags of entries that name a user or a group; ext4 keeps an id with these alone. */
const ACL_USER = 2;
const ACL_GROUP = 8;
/** Of the attributes that are access control lists. */
const ACL_INDEXES: readonly number[] = [2, 3];
const BLOCK_HEAD = 32;
const ENTRY_HEAD = 16;

const PREFIXES = [...LINUX_PREFIXES, ['system.', 7]] as const;

export type EncodedXattrs =
  | { readonly place: 'none' }
  /** Bytes for the inode, from its end of own fields on. */
  | { readonly place: 'inode'; readonly bytes: Uint8Array }
  /** A whole block; its checksum is put in when its place is known. */
  | { readonly place: 'block'; readonly bytes: Uint8Array };

/** In the inode if they fit there, else in a block. @throws OrlopError for what neither holds */
export function encodeXattrs(
  pathOf: () => string,
  xattrs: ReadonlyMap<string, Uint8Array> | undefined,
): EncodedXattrs {
  if (xattrs === undefined || xattrs.size === 0) return { place: 'none' };
  const attributes = [...xattrs]
    .map(([name, value]) => storedXattr(pathOf, name, value))
    .sort((a, b) => a.index - b.index || a.name.length - b.name.length || compareBytes(a.name, b.name));
  const needed = attributes.reduce(
    (sum, { name, value }) => sum + roundUp4(ENTRY_HEAD + name.length) + roundUp4(value.length),
    4,
  );
  if (needed <= INODE_ROOM) {
    const layout = new Layout(4 + INODE_ROOM).u32le(0, MAGIC);
    putAttributes(layout, 4, 4, attributes);
    return { place: 'inode', bytes: layout.bytes };
  }
  if (needed > BLOCK_BYTES - BLOCK_HEAD) {
    throw diskError(
      'disk.too-large',
      `the extended attributes of "/${pathOf()}" take ${needed} bytes; ext4 holds ${BLOCK_BYTES - BLOCK_HEAD}`,
    );
  }
  const layout = new Layout(BLOCK_BYTES).u32le(0, MAGIC).u32le(4, 1).u32le(8, 1);
  const hash = putAttributes(layout, BLOCK_HEAD, 0, attributes);
  return { place: 'block', bytes: layout.u32le(12, hash).bytes };
}

/** Puts in a block's checksum, which covers where it lies. */
export function sealXattrBlock(bytes: Uint8Array, block: number, seed: number): Uint8Array {
  const at = new Layout(8).u64le(0, block).bytes;
  return new Layout(bytes).u32le(16, chainChecksum(chainChecksum(seed, at), bytes)).bytes;
}

function storedXattr(pathOf: () => string, name: string, value: Uint8Array): SplitXattr {
  const split = splitXattr({ fileSystem: 'ext4', prefixes: PREFIXES, pathOf }, name, value);
  return ACL_INDEXES.includes(split.index) ? { ...split, value: storedAcl(pathOf, name, value) } : split;
}

function storedAcl(pathOf: () => string, name: string, value: Uint8Array): Uint8Array {
  const from = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const entries = (value.length - ACL.headBytes) / ACL.entryBytes;
  if (!Number.isInteger(entries) || entries < 0 || from.getUint32(0, true) !== ACL.version) {
    throw diskError(
      'disk.unsupported-node',
      `the attribute "${name}" of "/${pathOf()}" is no access control list`,
    );
  }
  const layout = new Layout(ACL.headBytes + entries * ACL.entryBytes).u32le(0, STORED_ACL_VERSION);
  let end: number = ACL.headBytes;
  for (let at: number = ACL.headBytes; at < value.length; at += ACL.entryBytes) {
    const tag = from.getUint16(at, true);
    layout.u16le(end, tag).u16le(end + 2, from.getUint16(at + 2, true));
    end += 4;
    if (tag !== ACL_USER && tag !== ACL_GROUP) continue;
    layout.u32le(end, from.getUint32(at + 4, true));
    end += 4;
  }
  return layout.bytes.subarray(0, end);
}

/** Entries grow from `head`, values from the end; offsets count from `base`. @returns the hash of all. */
function putAttributes(
  layout: Layout,
  head: number,
  base: number,
  attributes: readonly SplitXattr[],
): number {
  let entryAt = head;
  let valueAt = layout.bytes.length;
  let all = 0;
  for (const { index, name, value } of attributes) {
    valueAt -= roundUp4(value.length);
    const hash = hashAttribute(name, value);
    all = ((all << 16) ^ (all >>> 16) ^ hash) >>> 0;
    layout
      .u8(entryAt, name.length)
      .u8(entryAt + 1, index)
      .u16le(entryAt + 2, value.length === 0 ? 0 : valueAt - base)
      .u32le(entryAt + 8, value.length)
      .u32le(entryAt + 12, hash)
      .set(entryAt + ENTRY_HEAD, name)
      .set(valueAt, value);
    entryAt += roundUp4(ENTRY_HEAD + name.length);
  }
  return all;
}

/** fs/ext4/xattr.c, ext4_xattr_hash_entry. */
function hashAttribute(name: Uint8Array, value: Uint8Array): number {
  let hash = 0;
  for (const byte of name) hash = ((hash << 5) ^ (hash >>> 27) ^ byte) >>> 0;
  for (let at = 0; at < value.length; at += 4) {
    const word =
      (value[at] ?? 0) |
      ((value[at + 1] ?? 0) << 8) |
      ((value[at + 2] ?? 0) << 16) |
      ((value[at + 3] ?? 0) << 24);
    hash = ((hash << 16) ^ (hash >>> 16) ^ word) >>> 0;
  }
  return hash;
}

function roundUp4(value: number): number {
  return (value + 3) & ~3;
}
