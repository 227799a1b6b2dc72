import { Layout } from '../bytes.ts';
import { encodeDevice } from '../device-number.ts';
import type { TreeNode } from '../tree.ts';
import { EXTENDED, inodeType, NO_XATTRS } from './constants.ts';
import type { StoredContent } from './data.ts';
import type { MetadataPosition } from './metadata.ts';

/** What every inode has besides its node's own metadata. */
export interface InodeContext {
  readonly number: number;
  readonly links: number;
  readonly uidIndex: number;
  readonly gidIndex: number;
  readonly xattrs: number;
}

export interface DirectoryPlace {
  readonly listing: MetadataPosition;
  /** Bytes of the listing. */
  readonly listingBytes: number;
  readonly parent: number;
}

/** A directory's size counts `.` and `..`, which are not stored, as three bytes. */
const DOT_BYTES = 3;
const FILE_HEAD_BYTES = 32;
const EXTENDED_FILE_HEAD_BYTES = 56;

export function encodeDirectoryInode(
  node: TreeNode & { type: 'directory' },
  context: InodeContext,
  place: DirectoryPlace,
): Uint8Array {
  const size = place.listingBytes + DOT_BYTES;
  if (size <= 0xffff && context.xattrs === NO_XATTRS) {
    return head(32, inodeType.directory, node, context)
      .u32le(16, place.listing.block)
      .u32le(20, context.links)
      .u16le(24, size)
      .u16le(26, place.listing.offset)
      .u32le(28, place.parent).bytes;
  }
  return head(40, inodeType.directory + EXTENDED, node, context)
    .u32le(16, context.links)
    .u32le(20, size)
    .u32le(24, place.listing.block)
    .u32le(28, place.parent)
    .u16le(34, place.listing.offset)
    .u32le(36, context.xattrs).bytes;
}

export function encodeFileInode(
  node: TreeNode & { type: 'file' },
  context: InodeContext,
  stored: StoredContent,
): Uint8Array {
  const basic =
    context.links === 1 &&
    context.xattrs === NO_XATTRS &&
    stored.sparseBytes === 0 &&
    node.sizeBytes <= 0xffff_ffff &&
    stored.start <= 0xffff_ffff;
  const at = basic ? FILE_HEAD_BYTES : EXTENDED_FILE_HEAD_BYTES;
  const layout = head(
    at + stored.blockSizes.length * 4,
    inodeType.file + (basic ? 0 : EXTENDED),
    node,
    context,
  );
  if (basic) {
    layout
      .u32le(16, stored.start)
      .u32le(20, stored.fragment)
      .u32le(24, stored.fragmentOffset)
      .u32le(28, node.sizeBytes);
  } else {
    layout
      .u64le(16, stored.start)
      .u64le(24, node.sizeBytes)
      .u64le(32, stored.sparseBytes)
      .u32le(40, context.links)
      .u32le(44, stored.fragment)
      .u32le(48, stored.fragmentOffset)
      .u32le(52, context.xattrs);
  }
  stored.blockSizes.forEach((size, i) => {
    layout.u32le(at + i * 4, size);
  });
  return layout.bytes;
}

/** @param target as it is kept */
export function encodeSymlinkInode(
  node: TreeNode & { type: 'symlink' },
  context: InodeContext,
  target: Uint8Array,
): Uint8Array {
  const extended = context.xattrs !== NO_XATTRS;
  const layout = head(
    24 + target.length + (extended ? 4 : 0),
    inodeType.symlink + (extended ? EXTENDED : 0),
    node,
    context,
  )
    .u32le(16, context.links)
    .u32le(20, target.length)
    .set(24, target);
  return extended ? layout.u32le(24 + target.length, context.xattrs).bytes : layout.bytes;
}

export function encodeSpecialInode(
  node: TreeNode & { type: 'char' | 'block' | 'fifo' },
  context: InodeContext,
): Uint8Array {
  const extended = context.xattrs !== NO_XATTRS;
  const device = node.type !== 'fifo';
  const length = 20 + (device ? 4 : 0) + (extended ? 4 : 0);
  const layout = head(length, inodeType[node.type] + (extended ? EXTENDED : 0), node, context).u32le(
    16,
    context.links,
  );
  if (node.type !== 'fifo') layout.u32le(20, encodeDevice(node.major, node.minor));
  return extended ? layout.u32le(length - 4, context.xattrs).bytes : layout.bytes;
}

function head(length: number, type: number, node: TreeNode, context: InodeContext): Layout {
  return new Layout(length)
    .u16le(0, type)
    .u16le(2, node.mode)
    .u16le(4, context.uidIndex)
    .u16le(6, context.gidIndex)
    .u32le(8, Math.min(Math.max(0, Math.floor(node.mtime)), 0xffff_ffff))
    .u32le(12, context.number);
}
