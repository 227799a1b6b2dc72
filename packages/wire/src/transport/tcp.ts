import { checksumHolds, internetChecksum } from '../checksum.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, readU32, writeU16, writeU32 } from '../network-order.ts';
import { emitTcpOptions, parseTcpOptions, type TcpOptions, tcpOptionsLength } from './tcp-options.ts';

/** Without options (RFC 9293 §3.1). */
export const TCP_HEADER_LEN = 20;

export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;
export const TCP_URG = 0x20;
export const TCP_ECE = 0x40;
export const TCP_CWR = 0x80;

export interface TcpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  /** `TCP_*` bits. */
  readonly flags: number;
  /** As on the wire, unscaled. */
  readonly window: number;
  readonly urgentPointer: number;
  readonly options: TcpOptions;
}

/** Reads in place. Precondition: {@link checkTcp} found nothing. Options: `TcpOptionsView`. */
export const TcpView = {
  sourcePort: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset),
  destinationPort: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 2),
  sequence: (bytes: Uint8Array, offset: number): number => readU32(bytes, offset + 4),
  acknowledgment: (bytes: Uint8Array, offset: number): number => readU32(bytes, offset + 8),
  headerLength: (bytes: Uint8Array, offset: number): number => (bytes[offset + 12] >>> 4) << 2,
  flags: (bytes: Uint8Array, offset: number): number => bytes[offset + 13],
  window: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 14),
  checksum: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 16),
  urgentPointer: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 18),
} as const;

/** Whether the view may read the segment at `offset`: the header with its options lies within `end`. */
export function checkTcp(bytes: Uint8Array, offset: number, end: number): Malformed | undefined {
  if (end - offset < TCP_HEADER_LEN) return 'truncated';
  const headerLength = TcpView.headerLength(bytes, offset);
  if (headerLength < TCP_HEADER_LEN) return 'bad-length';
  return headerLength > end - offset ? 'truncated' : undefined;
}

/** The header with its options; the payload follows at `offset + TcpView.headerLength`. */
export function parseTcp(bytes: Uint8Array, offset: number, end: number): TcpFields | Malformed {
  const malformed = checkTcp(bytes, offset, end);
  if (malformed !== undefined) return malformed;
  const optionsEnd = offset + TcpView.headerLength(bytes, offset);
  const options = parseTcpOptions(bytes, offset + TCP_HEADER_LEN, optionsEnd);
  if (typeof options === 'string') return options;
  return {
    sourcePort: TcpView.sourcePort(bytes, offset),
    destinationPort: TcpView.destinationPort(bytes, offset),
    sequence: TcpView.sequence(bytes, offset),
    acknowledgment: TcpView.acknowledgment(bytes, offset),
    flags: TcpView.flags(bytes, offset),
    window: TcpView.window(bytes, offset),
    urgentPointer: TcpView.urgentPointer(bytes, offset),
    options,
  };
}

/** Bytes of the header that {@link emitTcp} writes. */
export function tcpHeaderLength(fields: { readonly options: TcpOptions }): number {
  return TCP_HEADER_LEN + tcpOptionsLength(fields.options);
}

/** Writes the header, checksum zero, and returns where the payload begins; {@link sealTcp} comes after the payload. */
export function emitTcp(fields: TcpFields, into: Uint8Array, offset: number): number {
  writeU16(into, offset, fields.sourcePort);
  writeU16(into, offset + 2, fields.destinationPort);
  writeU32(into, offset + 4, fields.sequence);
  writeU32(into, offset + 8, fields.acknowledgment);
  into[offset + 13] = fields.flags;
  writeU16(into, offset + 14, fields.window);
  writeU16(into, offset + 16, 0);
  writeU16(into, offset + 18, fields.urgentPointer);
  const end = emitTcpOptions(fields.options, into, offset + TCP_HEADER_LEN);
  into[offset + 12] = ((end - offset) >>> 2) << 4;
  return end;
}

/** Computes the checksum of the segment `[offset, end)` and writes it. */
export function sealTcp(into: Uint8Array, offset: number, end: number, pseudoSum: number): void {
  writeU16(into, offset + 16, 0);
  writeU16(into, offset + 16, internetChecksum(into, offset, end, pseudoSum));
}

/** Whether the checksum of the segment `[offset, end)` holds. */
export function verifyTcp(bytes: Uint8Array, offset: number, end: number, pseudoSum: number): boolean {
  return checksumHolds(bytes, offset, end, pseudoSum);
}
