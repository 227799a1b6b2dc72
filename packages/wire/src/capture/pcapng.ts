import { copyBytes } from '../copy-bytes.ts';
import type { Malformed } from '../malformed.ts';
import { readCaptureU16, readCaptureU32, writeLittleU32 } from './byte-order.ts';
import {
  emitPcapngOptions,
  type PcapngOption,
  parsePcapngOptions,
  pcapngOptionsLength,
} from './pcapng-options.ts';

/** Type and length before a block's body; the length again after it (IETF draft-ietf-opsawg-pcapng §3.1). */
export const PCAPNG_BLOCK_HEADER_LEN = 8;
const TRAILER_LEN = 4;

const SECTION_HEADER = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION = 1;
const SIMPLE_PACKET = 3;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b_3c4d;

/** A block's own fields. Timestamps count the interface's units, microseconds unless its `if_tsresol` says otherwise. */
export type PcapngBlock =
  /** §4.1, version 1.0, of unspecified section length. */
  | { readonly kind: 'section'; readonly options: readonly PcapngOption[] }
  /** §4.2; interfaces are numbered from 0 in order of these. */
  | {
      readonly kind: 'interface';
      readonly linkType: number;
      readonly snapLength: number;
      readonly options: readonly PcapngOption[];
    }
  /** §4.3. */
  | {
      readonly kind: 'packet';
      readonly interfaceId: number;
      readonly timestamp: bigint;
      readonly originalLength: number;
      readonly data: Uint8Array;
      readonly options: readonly PcapngOption[];
    }
  /** §4.4: of interface 0, without a time. */
  | { readonly kind: 'simple-packet'; readonly originalLength: number; readonly data: Uint8Array }
  /** §4.6. */
  | {
      readonly kind: 'statistics';
      readonly interfaceId: number;
      readonly timestamp: bigint;
      readonly options: readonly PcapngOption[];
    }
  | { readonly kind: 'other'; readonly type: number; readonly body: Uint8Array };

export interface ParsedPcapngBlock {
  readonly block: PcapngBlock;
  /** Where the next block begins. */
  readonly end: number;
  /** The byte order that holds from here on: a section's header changes it. */
  readonly littleEndian: boolean;
}

/** The block at `offset`. `littleEndian` is what the last block gave; at the beginning of a file either will do. */
export function parsePcapngBlock(
  bytes: Uint8Array,
  offset: number,
  of: { readonly end: number; readonly littleEndian: boolean },
): ParsedPcapngBlock | Malformed {
  if (of.end - offset < PCAPNG_BLOCK_HEADER_LEN + TRAILER_LEN) return 'truncated';
  const isSection = readCaptureU32(bytes, offset, true) === SECTION_HEADER;
  const littleEndian = isSection
    ? readCaptureU32(bytes, offset + 8, true) === BYTE_ORDER_MAGIC
    : of.littleEndian;
  const length = readCaptureU32(bytes, offset + 4, littleEndian);
  if (length < PCAPNG_BLOCK_HEADER_LEN + TRAILER_LEN || length % 4 !== 0) return 'bad-length';
  if (length > of.end - offset) return 'truncated';
  const end = offset + length;
  if (readCaptureU32(bytes, end - TRAILER_LEN, littleEndian) !== length) return 'bad-length';
  const body = { bytes, offset: offset + PCAPNG_BLOCK_HEADER_LEN, end: end - TRAILER_LEN, littleEndian };
  const block = parseBody(readCaptureU32(bytes, offset, littleEndian), body);
  return typeof block === 'string' ? block : { block, end, littleEndian };
}

/** Bytes that {@link emitPcapngBlock} writes: a multiple of 4. */
export function pcapngBlockLength(block: PcapngBlock): number {
  const around = PCAPNG_BLOCK_HEADER_LEN + TRAILER_LEN;
  switch (block.kind) {
    case 'section':
      return around + 16 + pcapngOptionsLength(block.options);
    case 'interface':
      return around + 8 + pcapngOptionsLength(block.options);
    case 'packet':
      return around + 20 + padded(block.data.length) + pcapngOptionsLength(block.options);
    case 'simple-packet':
      return around + 4 + padded(block.data.length);
    case 'statistics':
      return around + 12 + pcapngOptionsLength(block.options);
    case 'other':
      return around + padded(block.body.length);
  }
}

/** Writes the block, little-endian, and returns its end. */
export function emitPcapngBlock(block: PcapngBlock, into: Uint8Array, offset: number): number {
  const length = pcapngBlockLength(block);
  writeLittleU32(into, offset, typeOf(block));
  writeLittleU32(into, offset + 4, length);
  emitBody(block, into, offset + PCAPNG_BLOCK_HEADER_LEN);
  writeLittleU32(into, offset + length - TRAILER_LEN, length);
  return offset + length;
}

interface Body {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly end: number;
  readonly littleEndian: boolean;
}

function parseBody(type: number, body: Body): PcapngBlock | Malformed {
  const { bytes, offset, end, littleEndian } = body;
  const u32 = (at: number): number => readCaptureU32(bytes, offset + at, littleEndian);
  const optionsFrom = (from: number): PcapngOption[] | Malformed =>
    parsePcapngOptions(bytes, from, { end, littleEndian });
  const fixed = fixedLength(type);
  if (end - offset < fixed) return 'truncated';
  switch (type) {
    case SECTION_HEADER: {
      if (u32(0) !== BYTE_ORDER_MAGIC || readCaptureU16(bytes, offset + 4, littleEndian) !== 1)
        return 'bad-version';
      const options = optionsFrom(offset + fixed);
      return typeof options === 'string' ? options : { kind: 'section', options };
    }
    case INTERFACE_DESCRIPTION: {
      const options = optionsFrom(offset + fixed);
      if (typeof options === 'string') return options;
      const linkType = readCaptureU16(bytes, offset, littleEndian);
      return { kind: 'interface', linkType, snapLength: u32(4), options };
    }
    case ENHANCED_PACKET: {
      const dataEnd = offset + fixed + u32(12);
      if (dataEnd > end) return 'truncated';
      const options = optionsFrom(offset + fixed + padded(u32(12)));
      if (typeof options === 'string') return options;
      const data = copyBytes(bytes, offset + fixed, dataEnd);
      const timestamp = timestampOf(u32(4), u32(8));
      return { kind: 'packet', interfaceId: u32(0), timestamp, originalLength: u32(16), data, options };
    }
    case SIMPLE_PACKET: {
      const dataEnd = Math.min(end, offset + fixed + u32(0));
      return {
        kind: 'simple-packet',
        originalLength: u32(0),
        data: copyBytes(bytes, offset + fixed, dataEnd),
      };
    }
    case INTERFACE_STATISTICS: {
      const options = optionsFrom(offset + fixed);
      if (typeof options === 'string') return options;
      return { kind: 'statistics', interfaceId: u32(0), timestamp: timestampOf(u32(4), u32(8)), options };
    }
    default:
      return { kind: 'other', type, body: copyBytes(bytes, offset, end) };
  }
}

function fixedLength(type: number): number {
  switch (type) {
    case SECTION_HEADER:
      return 16;
    case INTERFACE_DESCRIPTION:
      return 8;
    case ENHANCED_PACKET:
      return 20;
    case SIMPLE_PACKET:
      return 4;
    case INTERFACE_STATISTICS:
      return 12;
    default:
      return 0;
  }
}

function emitBody(block: PcapngBlock, into: Uint8Array, offset: number): void {
  switch (block.kind) {
    case 'section':
      writeLittleU32(into, offset, BYTE_ORDER_MAGIC);
      writeLittleU32(into, offset + 4, 1);
      into.fill(0xff, offset + 8, offset + 16);
      emitPcapngOptions(block.options, into, offset + 16);
      return;
    case 'interface':
      writeLittleU32(into, offset, block.linkType);
      writeLittleU32(into, offset + 4, block.snapLength);
      emitPcapngOptions(block.options, into, offset + 8);
      return;
    case 'packet':
      writeLittleU32(into, offset, block.interfaceId);
      emitTimestamp(block.timestamp, into, offset + 4);
      writeLittleU32(into, offset + 12, block.data.length);
      writeLittleU32(into, offset + 16, block.originalLength);
      emitPcapngOptions(block.options, into, emitPadded(block.data, into, offset + 20));
      return;
    case 'simple-packet':
      writeLittleU32(into, offset, block.originalLength);
      emitPadded(block.data, into, offset + 4);
      return;
    case 'statistics':
      writeLittleU32(into, offset, block.interfaceId);
      emitTimestamp(block.timestamp, into, offset + 4);
      emitPcapngOptions(block.options, into, offset + 12);
      return;
    case 'other':
      emitPadded(block.body, into, offset);
      return;
  }
}

function typeOf(block: PcapngBlock): number {
  switch (block.kind) {
    case 'section':
      return SECTION_HEADER;
    case 'interface':
      return INTERFACE_DESCRIPTION;
    case 'packet':
      return ENHANCED_PACKET;
    case 'simple-packet':
      return SIMPLE_PACKET;
    case 'statistics':
      return INTERFACE_STATISTICS;
    case 'other':
      return block.type;
  }
}

function timestampOf(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

function emitTimestamp(timestamp: bigint, into: Uint8Array, offset: number): void {
  writeLittleU32(into, offset, Number((timestamp >> 32n) & 0xffff_ffffn));
  writeLittleU32(into, offset + 4, Number(timestamp & 0xffff_ffffn));
}

function emitPadded(data: Uint8Array, into: Uint8Array, offset: number): number {
  into.set(data, offset);
  into.fill(0, offset + data.length, offset + padded(data.length));
  return offset + padded(data.length);
}

function padded(length: number): number {
  return length + ((4 - (length % 4)) % 4);
}
