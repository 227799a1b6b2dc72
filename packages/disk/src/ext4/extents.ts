import type { BlockSink } from '../block.ts';
import { Layout } from '../bytes.ts';
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
export async function writeExtentTree(
  sink: BlockSink,
  allocator: BlockAllocator,
  extents: readonly FileExtent[],
  seed: number,
): Promise<{ root: Uint8Array; treeBlocks: number }> {
  let level: Entry[] = splitExtents(extents).map((extent) => ({
    logical: extent.logical,
    bytes: encodeExtent(extent),
  }));
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
      await sink.write(block * BLOCK_BYTES, bytes);
      treeBlocks++;
      const logical = entries[0]?.logical ?? 0;
      parents.push({ logical, bytes: encodeIndex(logical, block) });
    }
    level = parents;
    depth++;
  }
  return { root: encodeNode(level, depth, ENTRIES_IN_INODE, ROOT_BYTES), treeBlocks };
}

interface Entry {
  readonly logical: number;
  readonly bytes: Uint8Array;
}

function splitExtents(extents: readonly FileExtent[]): FileExtent[] {
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
  entries.forEach((entry, i) => {
    layout.set(ENTRY_BYTES + i * ENTRY_BYTES, entry.bytes);
  });
  return layout.bytes;
}

function encodeExtent({ logical, start, count }: FileExtent): Uint8Array {
  return new Layout(ENTRY_BYTES)
    .u32le(0, logical)
    .u16le(4, count)
    .u16le(6, Math.floor(start / 2 ** 32))
    .u32le(8, start % 2 ** 32).bytes;
}

function encodeIndex(logical: number, block: number): Uint8Array {
  return new Layout(ENTRY_BYTES)
    .u32le(0, logical)
    .u32le(4, block % 2 ** 32)
    .u16le(8, Math.floor(block / 2 ** 32)).bytes;
}
