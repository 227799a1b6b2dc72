import type { Malformed } from '../malformed.ts';
import { readCaptureU32, writeLittleU16, writeLittleU32 } from './byte-order.ts';

/** The file's header (IETF draft-ietf-opsawg-pcap §4). */
export const PCAP_HEADER_LEN = 24;
/** The header of each packet (§5). */
export const PCAP_RECORD_HEADER_LEN = 16;
/** Frames that begin with an Ethernet header. */
export const LINKTYPE_ETHERNET = 1;
/** The limit that tcpdump and Wireshark read. */
export const CAPTURE_MAX_SNAP_LENGTH = 262_144;

const MAGIC_MICROSECONDS = 0xa1b2_c3d4;
const MAGIC_NANOSECONDS = 0xa1b2_3c4d;

export interface PcapFields {
  /** Whether numbers are in little-endian order. {@link emitPcap} writes no other. */
  readonly littleEndian: boolean;
  /** Whether fractions of seconds count nanoseconds, else microseconds. */
  readonly nanoseconds: boolean;
  readonly snapLength: number;
  readonly linkType: number;
}

export interface PcapRecordFields {
  /** Since 1970. */
  readonly seconds: number;
  /** In the file's unit. */
  readonly fraction: number;
  /** Bytes that follow the record's header. */
  readonly capturedLength: number;
  /** Bytes that the packet had. */
  readonly originalLength: number;
}

/** The file's header at `offset`. */
export function parsePcap(bytes: Uint8Array, offset: number, end: number): PcapFields | Malformed {
  if (end - offset < PCAP_HEADER_LEN) return 'truncated';
  for (const littleEndian of [true, false]) {
    const magic = readCaptureU32(bytes, offset, littleEndian);
    if (magic !== MAGIC_MICROSECONDS && magic !== MAGIC_NANOSECONDS) continue;
    return {
      littleEndian,
      nanoseconds: magic === MAGIC_NANOSECONDS,
      snapLength: readCaptureU32(bytes, offset + 16, littleEndian),
      linkType: readCaptureU32(bytes, offset + 20, littleEndian) & 0xffff,
    };
  }
  return 'bad-version';
}

/** Writes the file's header, little-endian, version 2.4, and returns its end. */
export function emitPcap(fields: Omit<PcapFields, 'littleEndian'>, into: Uint8Array, offset: number): number {
  writeLittleU32(into, offset, fields.nanoseconds ? MAGIC_NANOSECONDS : MAGIC_MICROSECONDS);
  writeLittleU16(into, offset + 4, 2);
  writeLittleU16(into, offset + 6, 4);
  writeLittleU32(into, offset + 8, 0);
  writeLittleU32(into, offset + 12, 0);
  writeLittleU32(into, offset + 16, fields.snapLength);
  writeLittleU32(into, offset + 20, fields.linkType);
  return offset + PCAP_HEADER_LEN;
}

/** The header of the packet at `offset`, whose bytes lie within `of.end`. */
export function parsePcapRecord(
  bytes: Uint8Array,
  offset: number,
  of: { readonly littleEndian: boolean; readonly end: number },
): PcapRecordFields | Malformed {
  if (of.end - offset < PCAP_RECORD_HEADER_LEN) return 'truncated';
  const capturedLength = readCaptureU32(bytes, offset + 8, of.littleEndian);
  if (capturedLength > of.end - offset - PCAP_RECORD_HEADER_LEN) return 'truncated';
  return {
    seconds: readCaptureU32(bytes, offset, of.littleEndian),
    fraction: readCaptureU32(bytes, offset + 4, of.littleEndian),
    capturedLength,
    originalLength: readCaptureU32(bytes, offset + 12, of.littleEndian),
  };
}

/** Writes the header of a packet, little-endian, and returns where its bytes go. */
export function emitPcapRecord(fields: PcapRecordFields, into: Uint8Array, offset: number): number {
  writeLittleU32(into, offset, fields.seconds);
  writeLittleU32(into, offset + 4, fields.fraction);
  writeLittleU32(into, offset + 8, fields.capturedLength);
  writeLittleU32(into, offset + 12, fields.originalLength);
  return offset + PCAP_RECORD_HEADER_LEN;
}
