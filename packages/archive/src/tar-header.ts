import type { EntryType } from './entry.ts';
import { archiveError } from './errors.ts';
import { decodeName } from './name.ts';

/** Everything in a tar archive is a multiple of this. POSIX.1-2017, pax "ustar Interchange Format". */
export const TAR_BLOCK_BYTES = 512;

/** Fields of the ustar header: offset and length. */
export const FIELD = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  typeflag: [156, 1],
  linkName: [157, 100],
  magic: [257, 6],
  version: [263, 2],
  uname: [265, 32],
  gname: [297, 32],
  devMajor: [329, 8],
  devMinor: [337, 8],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [number, number]>;

type FieldRange = readonly [offset: number, length: number];

/** A header block as it stands, before extended headers are applied. */
export interface RawTarHeader {
  readonly typeflag: string;
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly linkName: string;
  readonly uname: string;
  readonly gname: string;
  readonly devMajor: number;
  readonly devMinor: number;
}

/** The typeflags of members; the others change the member that follows. */
export const ENTRY_TYPES: ReadonlyMap<string, EntryType> = new Map([
  ['0', 'file'],
  ['\0', 'file'],
  ['7', 'file'], // contiguous file, which nobody treats differently
  ['1', 'hardlink'],
  ['2', 'symlink'],
  ['3', 'char'],
  ['4', 'block'],
  ['5', 'directory'],
  ['6', 'fifo'],
]);

/** Two of them end an archive (POSIX.1-2017, pax). */
export function isZeroBlock(block: Uint8Array): boolean {
  for (let i = 0; i < TAR_BLOCK_BYTES; i++) if (block[i] !== 0) return false;
  return true;
}

/**
 * Reads a block of exactly {@link TAR_BLOCK_BYTES}.
 *
 * @throws OrlopError archive.malformed when the checksum or a number is wrong
 */
export function parseTarHeader(block: Uint8Array, offset: number): RawTarHeader {
  checkChecksum(block, offset);
  const number = (field: keyof typeof FIELD) => parseNumber(block, { field, offset });
  const posix = block[257] === 0x75 && block[258] === 0x73 && block[259] === 0x74; // "ust"
  const gnu = posix && block[262] === 0x20; // "ustar  ": GNU has other fields where POSIX has the prefix
  const prefix = posix && !gnu ? text(block, FIELD.prefix) : '';
  const name = text(block, FIELD.name);
  return {
    typeflag: String.fromCharCode(block[156] ?? 0),
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: number('mode'),
    uid: number('uid'),
    gid: number('gid'),
    size: number('size'),
    mtime: number('mtime'),
    linkName: text(block, FIELD.linkName),
    uname: posix ? text(block, FIELD.uname) : '',
    gname: posix ? text(block, FIELD.gname) : '',
    devMajor: posix ? number('devMajor') : 0,
    devMinor: posix ? number('devMinor') : 0,
  };
}

/** The sum of the block's bytes with the checksum field read as spaces. */
export function headerChecksum(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < 148; i++) sum += block[i] ?? 0;
  for (let i = 156; i < TAR_BLOCK_BYTES; i++) sum += block[i] ?? 0;
  return sum;
}

function checkChecksum(block: Uint8Array, offset: number): void {
  const stored = parseNumber(block, { field: 'checksum', offset });
  const sum = headerChecksum(block);
  if (stored === sum) return;
  // Some old archivers summed signed bytes.
  let signed = 8 * 0x20;
  for (let i = 0; i < TAR_BLOCK_BYTES; i++) {
    if (i < 148 || i >= 156) signed += ((block[i] ?? 0) << 24) >> 24;
  }
  if (stored !== signed)
    throw archiveError(
      'archive.malformed',
      `no tar header at byte ${offset}: its checksum is ${stored}, not ${sum}`,
    );
}

function parseNumber(
  block: Uint8Array,
  { field, offset }: { field: keyof typeof FIELD; offset: number },
): number {
  return numberAt(block, FIELD[field], { what: field, offset });
}

/** A number in a field, octal or GNU's base 256. @throws OrlopError archive.malformed, which calls it `what` */
export function numberAt(
  block: Uint8Array,
  [start, length]: FieldRange,
  { what, offset }: { what: string; offset: number },
): number {
  const first = block[start] ?? 0;
  const wrong = (why: string) =>
    archiveError('archive.malformed', `the tar header at byte ${offset} has a ${what} ${why}`);
  if (first & 0x80) {
    // GNU's base-256: a big-endian two's complement number whose top bit is the mark.
    const negative = (first & 0x40) !== 0;
    let value = negative ? (first | 0x80) - 0x100 : first & 0x7f;
    for (let i = start + 1; i < start + length; i++) {
      value = value * 256 + (block[i] ?? 0);
      if (!Number.isSafeInteger(value)) throw wrong('out of range');
    }
    if (value < 0 && what !== 'mtime') throw wrong('below zero');
    return value;
  }
  let at = start;
  const end = start + length;
  while (at < end && block[at] === 0x20) at++;
  let value = 0;
  for (; at < end; at++) {
    const byte = block[at] ?? 0;
    if (byte === 0 || byte === 0x20) break;
    if (byte < 0x30 || byte > 0x37) throw wrong('that is no octal number');
    value = value * 8 + (byte - 0x30);
  }
  return value;
}

function text(block: Uint8Array, [offset, length]: FieldRange): string {
  let end = offset;
  while (end < offset + length && block[end] !== 0) end++;
  return end === offset ? '' : decodeName(block.subarray(offset, end));
}
