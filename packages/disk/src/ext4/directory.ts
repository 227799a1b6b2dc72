import { encodeName } from '@orlop/core';
import { compareBytes, Layout } from '../bytes.ts';
import { chainChecksum } from './checksum.ts';
import { BLOCK_BYTES } from './constants.ts';
import { hashName } from './name-hash.ts';

export interface DirectoryEntry {
  readonly name: string;
  readonly inode: number;
  /** File type as directory entries say it. */
  readonly kind: number;
}

export interface DirectoryContext {
  readonly inode: number;
  readonly parent: number;
  /** Checksum seed of the directory's inode. */
  readonly seed: number;
  /** Four words. */
  readonly hashSeed: Uint32Array;
}

const DIRECTORY_KIND = 2;
const TAIL_BYTES = 12;
const TAIL_KIND = 0xde;
const DOTS_BYTES = 24;
const ROOT_INFO_BYTES = 8;
const INDEX_ENTRY_BYTES = 8;
const INDEX_TAIL_BYTES = 8;
const HALF_MD4 = 1;
/** Bytes before the index entries: the two dots and the root's information; a whole empty entry. */
const ROOT_HEAD = DOTS_BYTES + ROOT_INFO_BYTES;
const NODE_HEAD = 8;
const ROOT_LIMIT = (BLOCK_BYTES - ROOT_HEAD - INDEX_TAIL_BYTES) / INDEX_ENTRY_BYTES;
const NODE_LIMIT = (BLOCK_BYTES - NODE_HEAD - INDEX_TAIL_BYTES) / INDEX_ENTRY_BYTES;

interface EncodedEntry {
  readonly name: Uint8Array;
  readonly entry: DirectoryEntry;
}

interface HashedEntry extends EncodedEntry {
  readonly hash: number;
}

/** A directory's blocks: one block, or a tree by the names' hashes ("dir_index") where one does not hold all. */
export function encodeDirectory(
  entries: readonly DirectoryEntry[],
  context: DirectoryContext,
): { blocks: Uint8Array[]; indexed: boolean } {
  const encoded = entries.map((entry): EncodedEntry => ({ name: encodeName(entry.name), entry }));
  const all = [...dotEntries(context), ...encoded];
  const total = all.reduce((sum, { name }) => sum + entryBytes(name), 0);
  if (total <= BLOCK_BYTES - TAIL_BYTES) return { blocks: [encodeLeaf(all, context)], indexed: false };
  const hashed = encoded.map(
    ({ name, entry }): HashedEntry => ({ name, entry, hash: hashName(name, context.hashSeed) }),
  );
  return { blocks: encodeTree(hashed, context), indexed: true };
}

function dotEntries({ inode, parent }: DirectoryContext): EncodedEntry[] {
  return [
    { name: Uint8Array.of(0x2e), entry: { name: '.', inode, kind: DIRECTORY_KIND } },
    { name: Uint8Array.of(0x2e, 0x2e), entry: { name: '..', inode: parent, kind: DIRECTORY_KIND } },
  ];
}

function entryBytes(name: Uint8Array): number {
  return (8 + name.length + 3) & ~3;
}

function encodeLeaf(entries: readonly EncodedEntry[], context: DirectoryContext): Uint8Array {
  const layout = new Layout(BLOCK_BYTES);
  const room = BLOCK_BYTES - TAIL_BYTES;
  let at = 0;
  entries.forEach((entry, i) => {
    // The last entry reaches to the tail.
    const length = i === entries.length - 1 ? room - at : entryBytes(entry.name);
    putEntry(layout, at, length, entry);
    at += length;
  });
  layout.u16le(room + 4, TAIL_BYTES).u8(room + 7, TAIL_KIND);
  return layout.u32le(room + 8, chainChecksum(context.seed, layout.bytes.subarray(0, room))).bytes;
}

function putEntry(layout: Layout, at: number, length: number, { name, entry }: EncodedEntry): void {
  layout
    .u32le(at, entry.inode)
    .u16le(at + 4, length)
    .u8(at + 6, name.length)
    .u8(at + 7, entry.kind)
    .set(at + 8, name);
}

/** Where a leaf's or a node's hashes begin. */
interface IndexEntry {
  readonly hash: number;
  readonly block: number;
}

function encodeTree(entries: readonly HashedEntry[], context: DirectoryContext): Uint8Array[] {
  const leaves = fillLeaves([...entries].sort((a, b) => a.hash - b.hash || compareBytes(a.name, b.name)));
  const twoLevels = leaves.length > ROOT_LIMIT;
  const nodes = twoLevels ? Math.ceil(leaves.length / NODE_LIMIT) : 0;
  const firstLeaf = 1 + nodes;
  const leafEntries = leaves.map((leaf, i): IndexEntry => {
    const hash = leaf[0]?.hash ?? 0;
    const before = leaves[i - 1];
    // The lowest bit says that names with this hash lie in the leaf before, too.
    const continued = before !== undefined && before[before.length - 1]?.hash === hash;
    return { hash: continued ? hash + 1 : hash, block: firstLeaf + i };
  });
  const blocks: Uint8Array[] = [];
  if (twoLevels) {
    const parts = Array.from({ length: nodes }, (_, i) =>
      leafEntries.slice(i * NODE_LIMIT, (i + 1) * NODE_LIMIT),
    );
    const top = parts.map((part, i): IndexEntry => ({ hash: part[0]?.hash ?? 0, block: 1 + i }));
    blocks.push(encodeRoot(top, 1, context));
    for (const part of parts) blocks.push(encodeNode(part, context));
  } else blocks.push(encodeRoot(leafEntries, 0, context));
  for (const leaf of leaves) blocks.push(encodeLeaf(leaf, context));
  return blocks;
}

function fillLeaves(sorted: readonly HashedEntry[]): HashedEntry[][] {
  const leaves: HashedEntry[][] = [];
  let leaf: HashedEntry[] = [];
  let bytes = 0;
  for (const entry of sorted) {
    const length = entryBytes(entry.name);
    if (bytes + length > BLOCK_BYTES - TAIL_BYTES) {
      leaves.push(leaf);
      leaf = [];
      bytes = 0;
    }
    leaf.push(entry);
    bytes += length;
  }
  leaves.push(leaf);
  return leaves;
}

function encodeRoot(index: readonly IndexEntry[], levels: number, context: DirectoryContext): Uint8Array {
  const layout = new Layout(BLOCK_BYTES);
  const [dot, dotDot] = dotEntries(context) as [EncodedEntry, EncodedEntry];
  putEntry(layout, 0, 12, dot);
  putEntry(layout, 12, BLOCK_BYTES - 12, dotDot);
  layout
    .u8(DOTS_BYTES + 4, HALF_MD4)
    .u8(DOTS_BYTES + 5, ROOT_INFO_BYTES)
    .u8(DOTS_BYTES + 6, levels);
  return putIndex(layout, ROOT_HEAD, ROOT_LIMIT, index, context);
}

function encodeNode(index: readonly IndexEntry[], context: DirectoryContext): Uint8Array {
  return putIndex(new Layout(BLOCK_BYTES).u16le(4, BLOCK_BYTES), NODE_HEAD, NODE_LIMIT, index, context);
}

/** The first index entry's hash is where limit and count stand. */
function putIndex(
  layout: Layout,
  head: number,
  limit: number,
  index: readonly IndexEntry[],
  context: DirectoryContext,
): Uint8Array {
  index.forEach(({ hash, block }, i) => {
    const at = head + i * INDEX_ENTRY_BYTES;
    if (i > 0) layout.u32le(at, hash);
    layout.u32le(at + 4, block);
  });
  layout.u16le(head, limit).u16le(head + 2, index.length);
  const used = layout.bytes.subarray(0, head + index.length * INDEX_ENTRY_BYTES);
  // The checksum covers what is used, and the eight bytes of the tail with the checksum itself as zero.
  const checksum = chainChecksum(chainChecksum(context.seed, used), new Uint8Array(INDEX_TAIL_BYTES));
  return layout.u32le(head + limit * INDEX_ENTRY_BYTES + 4, checksum).bytes;
}
