import type { EntryHeader } from './entry.ts';
import { FIELD, headerChecksum, TAR_BLOCK_BYTES } from './tar-header.ts';
import { encodeTarHeader } from './tar-writer.ts';

/** A run of bytes of a sparse file; what lies between runs reads as zero. */
export interface DataRun {
  readonly offset: number;
  readonly length: number;
}

/** A file that is mostly holes. */
export interface SparseFile {
  /** Holes included. */
  readonly sizeBytes: number;
  /** Ascending, not overlapping; offsets and lengths are multiples of 512, but for the end of the file. */
  readonly runs: readonly DataRun[];
  /** The bytes of a run, or of a part of one. */
  read(offset: number, into: Uint8Array): Promise<void>;
}

/** Fields of the old GNU format: GNU tar manual, "Storing Sparse Files", "Old GNU Format"; offsets in blocks. */
const GNU_MAGIC = 'ustar  \0';
export const MAP_AT = 386;
export const ENTRIES_IN_HEADER = 4;
export const IS_EXTENDED_AT = 482;
export const REAL_SIZE_AT = 483;
export const ENTRIES_IN_EXTENSION = 21;
export const EXTENSION_IS_EXTENDED_AT = 504;
export const NUMBER_BYTES = 12;
const PIECE_BYTES = 1 << 20;

/**
 * Writes an archive of one sparse file in the form of `tar --format=oldgnu --sparse`: the runs alone, so that holes take
 * no room, and are holes again for whoever unpacks. Two pieces are used in turns: one is valid until the one after the
 * next is asked for. @param header of a file whose name has at most 100 ASCII characters
 */
export async function* writeSparseTar(
  header: Pick<EntryHeader, 'name' | 'mode' | 'uid' | 'gid' | 'mtime'>,
  file: SparseFile,
): AsyncGenerator<Uint8Array> {
  const stored = file.runs.reduce((sum, { length }) => sum + blocks(length), 0);
  // The last entry says where the file ends.
  const map = [...file.runs, { offset: file.sizeBytes, length: 0 }];
  const [block] = encodeTarHeader({ ...header, type: 'file', sizeBytes: 0 });
  if (block === undefined) return;
  putText(block, FIELD.magic[0], GNU_MAGIC);
  putText(block, FIELD.typeflag[0], 'S');
  putNumber(block, FIELD.size[0], stored);
  putNumber(block, REAL_SIZE_AT, file.sizeBytes);
  putMap(block, MAP_AT, map.slice(0, ENTRIES_IN_HEADER));
  if (map.length > ENTRIES_IN_HEADER) block[IS_EXTENDED_AT] = 1;
  putText(block, FIELD.checksum[0], `${headerChecksum(block).toString(8).padStart(6, '0')}\0 `);
  yield block;
  for (let at = ENTRIES_IN_HEADER; at < map.length; at += ENTRIES_IN_EXTENSION) {
    const extension = new Uint8Array(TAR_BLOCK_BYTES);
    putMap(extension, 0, map.slice(at, at + ENTRIES_IN_EXTENSION));
    if (at + ENTRIES_IN_EXTENSION < map.length) extension[EXTENSION_IS_EXTENDED_AT] = 1;
    yield extension;
  }
  const buffers = [new Uint8Array(PIECE_BYTES), new Uint8Array(PIECE_BYTES)] as const;
  let pieces = 0;
  for (const { offset, length } of file.runs) {
    for (let at = 0; at < length; at += PIECE_BYTES) {
      const used = Math.min(PIECE_BYTES, length - at);
      const piece = buffers[pieces++ % 2 === 0 ? 0 : 1].subarray(0, blocks(used));
      await file.read(offset + at, piece.subarray(0, used));
      piece.fill(0, used);
      yield piece;
    }
  }
  yield new Uint8Array(2 * TAR_BLOCK_BYTES);
}

function blocks(length: number): number {
  return Math.ceil(length / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;
}

function putMap(block: Uint8Array, at: number, entries: readonly DataRun[]): void {
  entries.forEach(({ offset, length }, i) => {
    putNumber(block, at + 2 * i * NUMBER_BYTES, offset);
    putNumber(block, at + (2 * i + 1) * NUMBER_BYTES, length);
  });
}

/** Octal up to 8 GiB, beyond that GNU's base 256: the first bit set, big-endian. */
function putNumber(block: Uint8Array, at: number, value: number): void {
  if (value < 8 ** (NUMBER_BYTES - 1)) {
    putText(block, at, `${value.toString(8).padStart(NUMBER_BYTES - 1, '0')}\0`);
    return;
  }
  let rest = value;
  for (let i = NUMBER_BYTES - 1; i > 0; i--) {
    block[at + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  block[at] = 0x80;
}

function putText(block: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) block[at + i] = text.charCodeAt(i);
}
