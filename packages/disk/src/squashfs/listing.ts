import { encodeName } from '@orlop/core';
import { Layout } from '../bytes.ts';
import type { MetadataPosition } from './metadata.ts';
import { concat } from './xattrs.ts';

export interface ListedEntry {
  readonly name: string;
  readonly inode: MetadataPosition;
  readonly number: number;
  /** Basic inode type. */
  readonly type: number;
}

/** Entries that one header may stand for. */
const ENTRIES_PER_HEADER = 256;

/** A directory's listing: runs of entries whose inodes lie in one metadata block, each run with a header. */
export function encodeListing(entries: readonly ListedEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  while (at < entries.length) {
    const first = entries[at] as ListedEntry;
    let end = at + 1;
    while (
      end < entries.length &&
      end - at < ENTRIES_PER_HEADER &&
      sharesHeader(first, entries[end] as ListedEntry)
    )
      end++;
    parts.push(
      new Layout(12)
        .u32le(0, end - at - 1)
        .u32le(4, first.inode.block)
        .u32le(8, first.number).bytes,
    );
    for (; at < end; at++) parts.push(encodeEntry(entries[at] as ListedEntry, first.number));
  }
  return concat(parts);
}

function sharesHeader(first: ListedEntry, other: ListedEntry): boolean {
  const distance = other.number - first.number;
  return other.inode.block === first.inode.block && distance >= -0x8000 && distance <= 0x7fff;
}

function encodeEntry(entry: ListedEntry, base: number): Uint8Array {
  const name = encodeName(entry.name);
  return new Layout(8 + name.length)
    .u16le(0, entry.inode.offset)
    .u16le(2, (entry.number - base) & 0xffff)
    .u16le(4, entry.type)
    .u16le(6, name.length - 1)
    .set(8, name).bytes;
}
