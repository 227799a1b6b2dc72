import { Layout } from '../bytes.ts';
import type { GatheringSink } from '../gather.ts';
import type { BlockAllocator } from './allocator.ts';
import { chainChecksum } from './checksum.ts';
import { BLOCK_BYTES } from './constants.ts';

/** A run of a file's blocks: where in the file, where on the disk. */
export interface FileExtent {
  readonly logical: number;
  readonly start: number;
  readonly count: number;
}

const MAGIC = 0xf30a;
const ENTRY_BYTES = 12;
/** An extent that is written; longer ones would read as unwritten. */
const MAX_EXTENT_BLOCKS = 32768;
const ENTRIES_IN_INODE = 4;
const ENTRIES_IN_BLOCK = (BLOCK_BYTES - ENTRY_BYTES - 4) / ENTRY_BYTES;
const ENTRIES_PER_BLOCK = Math.floor(ENTRIES_IN_BLOCK);
const ROOT_BYTES = 60;

/** Puts a further run at the end of `extents`, joined with the last where they touch. */
export function appendExtent(extents: FileExtent[], next: FileExtent): void {
  const last = extents[extents.length - 1];
  if (
    last !== undefined &&
    last.logical + last.count === next.logical &&
    last.start + last.count === next.start
  ) {
    extents[extents.length - 1] = { ...last, count: last.count + next.count };
  } else extents.push(next);
}

/**
 * Writes the blocks of a file's extent tree. @returns the tree's root for the inode, and the blocks it took.
 */
export function writeExtentTree(
  sink: GatheringSink,
  allocator: BlockAllocator,
  extents: readonly FileExtent[],
  seed: number,
): { root: Uint8Array; treeBlocks: number } {
  let level: readonly Entry[] = splitExtents(extents);
  let depth = 0;
  let treeBlocks = 0;
  while (level.length > ENTRIES_IN_INODE) {
    const parents: Entry[] = [];
    for (let at = 0; at < level.length; at += ENTRIES_PER_BLOCK) {
      const entries = level.slice(at, at + ENTRIES_PER_BLOCK);
      const block = allocator.allocateRun(1);
      const bytes = encodeNode(entries, depth, ENTRIES_PER_BLOCK, BLOCK_BYTES);
      const tail = ENTRY_BYTES + ENTRIES_PER_BLOCK * ENTRY_BYTES;
      new Layout(bytes).u32le(tail, chainChecksum(seed, bytes.subarray(0, tail)));
      sink.put(block * BLOCK_BYTES, bytes);
      treeBlocks++;
      parents.push({ logical: entries[0]?.logical ?? 0, start: block, count: 0 });
    }
    level = parents;
    depth++;
  }
  return { root: encodeNode(level, depth, ENTRIES_IN_INODE, ROOT_BYTES), treeBlocks };
}

/** A run of blocks at depth 0; above it, the block of a node, and `count` means nothing. */
type Entry = FileExtent;

function splitExtents(extents: readonly FileExtent[]): readonly FileExtent[] {
  if (extents.every(({ count }) => count <= MAX_EXTENT_BLOCKS)) return extents;
  const parts: FileExtent[] = [];
  for (const { logical, start, count } of extents) {
    for (let at = 0; at < count; at += MAX_EXTENT_BLOCKS) {
      parts.push({
        logical: logical + at,
        start: start + at,
        count: Math.min(MAX_EXTENT_BLOCKS, count - at),
      });
    }
  }
  return parts;
}

function encodeNode(entries: readonly Entry[], depth: number, room: number, bytes: number): Uint8Array {
  const layout = new Layout(bytes).u16le(0, MAGIC).u16le(2, entries.length).u16le(4, room).u16le(6, depth);
  let at = ENTRY_BYTES;
  for (const { logical, start, count } of entries) {
    const high = Math.floor(start / 2 ** 32);
    layout.u32le(at, logical);
    if (depth === 0)
      layout
        .u16le(at + 4, count)
        .u16le(at + 6, high)
        .u32le(at + 8, start % 2 ** 32);
    else layout.u32le(at + 4, start % 2 ** 32).u16le(at + 8, high);
    at += ENTRY_BYTES;
  }
  return layout.bytes;
}
