import { Layout } from '../bytes.ts';
import { encodeDevice } from '../device-number.ts';
import { fileKind } from '../ext4/constants.ts';
import type { TreeNode } from '../tree.ts';
import { dataLayoutNumber } from './constants.ts';
import type { PlannedInode } from './plan.ts';
import { xattrCount } from './xattrs.ts';

const FORMAT_EXTENDED = 1;

/** The extended inode, 64 bytes, into zeros. @param serial what `stat` shows on machines with small inode numbers */
export function encodeInode(into: Uint8Array, inode: PlannedInode, serial: number): void {
  const { node } = inode;
  const seconds = Math.floor(node.mtime);
  new Layout(into)
    .u16le(0, FORMAT_EXTENDED | (dataLayoutNumber[inode.layout] << 1))
    .u16le(2, xattrCount(inode.xattrs.length))
    .u16le(4, fileKind[node.type].mode | node.mode)
    .u64le(8, inode.sizeBytes)
    .u32le(16, isDevice(node) ? encodeDevice(node.major, node.minor) : inode.firstBlock)
    .u32le(20, serial)
    .u32le(24, node.uid)
    .u32le(28, node.gid)
    .u32le(32, seconds >>> 0)
    // Two's complement for times before 1970.
    .u32le(36, Math.floor(seconds / 2 ** 32) >>> 0)
    .u32le(40, Math.min(Math.round((node.mtime - seconds) * 1e9), 999_999_999))
    .u32le(44, inode.links);
}

function isDevice(node: TreeNode): node is TreeNode & { type: 'char' | 'block' } {
  return node.type === 'char' || node.type === 'block';
}
