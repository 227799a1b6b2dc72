import type { EntryType } from './entry.ts';
import { archiveError } from './errors.ts';

/** "newc": magic and thirteen numbers of eight hexadecimal digits. cpio(5), "New ASCII Format". */
export const CPIO_HEADER_BYTES = 110;
export const CPIO_ALIGN = 4;
export const CPIO_TRAILER = 'TRAILER!!!';
export const MAX_U32 = 0xffffffff;

const FORMAT_BITS = 0o170000;

/** The file type in `st_mode`. A hard link has that of its target. */
export const TYPE_BITS: Readonly<Record<Exclude<EntryType, 'hardlink'>, number>> & { hardlink: number } = {
  fifo: 0o010000,
  char: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  hardlink: 0o100000,
  symlink: 0o120000,
};

export interface CpioFields {
  readonly inode: number;
  /** Type bits and permission bits. */
  readonly mode: number;
  readonly linkCount: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly sizeBytes: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

/** Header, name, its NUL, and zeros up to the next multiple of four. */
export function encodeCpioHeader(fields: CpioFields, name: Uint8Array): Uint8Array {
  const unpadded = CPIO_HEADER_BYTES + name.length + 1;
  const bytes = new Uint8Array(Math.ceil(unpadded / CPIO_ALIGN) * CPIO_ALIGN);
  const numbers = [
    fields.inode,
    fields.mode,
    fields.uid,
    fields.gid,
    fields.linkCount,
    fields.mtime,
    fields.sizeBytes,
    0, // major and minor of the device that the file is on
    0,
    fields.deviceMajor,
    fields.deviceMinor,
    name.length + 1,
    0, // checksum, of the "crc" form only
  ];
  for (let i = 0; i < 6; i++) bytes[i] = '070701'.charCodeAt(i);
  for (let i = 0; i < numbers.length; i++) putHex(bytes, 6 + i * 8, numbers[i] ?? 0);
  bytes.set(name, CPIO_HEADER_BYTES);
  return bytes;
}

export interface ParsedCpioHeader extends CpioFields {
  /** With its NUL. */
  readonly nameBytes: number;
  /** The device that the file was on: part of its identity, together with the inode. */
  readonly fileSystemMajor: number;
  readonly fileSystemMinor: number;
}

/** @throws OrlopError archive.malformed */
export function parseCpioHeader(bytes: Uint8Array, offset: number): ParsedCpioHeader {
  const magic = String.fromCharCode(...bytes.subarray(0, 6));
  if (magic !== '070701' && magic !== '070702')
    throw archiveError('archive.malformed', `no newc cpio header at byte ${offset}`);
  const number = (index: number) => parseHex(bytes, { at: 6 + index * 8, offset });
  return {
    inode: number(0),
    mode: number(1),
    uid: number(2),
    gid: number(3),
    linkCount: number(4),
    mtime: number(5),
    sizeBytes: number(6),
    fileSystemMajor: number(7),
    fileSystemMinor: number(8),
    deviceMajor: number(9),
    deviceMinor: number(10),
    nameBytes: number(11),
  };
}

/** What kind of member the mode says; `undefined` for sockets and nonsense. */
export function typeOfMode(mode: number): EntryType | undefined {
  switch (mode & FORMAT_BITS) {
    case TYPE_BITS.file:
      return 'file';
    case TYPE_BITS.directory:
      return 'directory';
    case TYPE_BITS.symlink:
      return 'symlink';
    case TYPE_BITS.char:
      return 'char';
    case TYPE_BITS.block:
      return 'block';
    case TYPE_BITS.fifo:
      return 'fifo';
    default:
      return undefined;
  }
}

function putHex(bytes: Uint8Array, offset: number, value: number): void {
  let rest = value >>> 0;
  for (let i = offset + 7; i >= offset; i--) {
    const digit = rest & 0xf;
    bytes[i] = digit < 10 ? 0x30 + digit : 0x57 + digit;
    rest >>>= 4;
  }
}

function parseHex(bytes: Uint8Array, { at, offset }: { at: number; offset: number }): number {
  let value = 0;
  for (let i = at; i < at + 8; i++) {
    const byte = bytes[i] ?? 0;
    const digit =
      byte >= 0x30 && byte <= 0x39
        ? byte - 0x30
        : byte >= 0x61 && byte <= 0x66
          ? byte - 0x57
          : byte >= 0x41 && byte <= 0x46
            ? byte - 0x37
            : -1;
    if (digit < 0)
      throw archiveError('archive.malformed', `the cpio header at byte ${offset} has a bad number`);
    value = value * 16 + digit;
  }
  return value;
}
