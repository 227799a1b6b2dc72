import { checksumHolds, internetChecksum } from '../checksum.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, writeU16 } from '../network-order.ts';

/** RFC 768. */
export const UDP_HEADER_LEN = 8;

export interface UdpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Bytes after the header. */
  readonly payloadLength: number;
}

/** Reads in place. Precondition: {@link checkUdp} found nothing. */
export const UdpView = {
  sourcePort: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset),
  destinationPort: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 2),
  /** Header and payload. */
  length: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 4),
  /** 0 means none was computed (IPv4 only). */
  checksum: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 6),
} as const;

/** Whether the view may read the datagram at `offset`, and its length lies within `end`. */
export function checkUdp(bytes: Uint8Array, offset: number, end: number): Malformed | undefined {
  if (end - offset < UDP_HEADER_LEN) return 'truncated';
  const length = UdpView.length(bytes, offset);
  if (length < UDP_HEADER_LEN) return 'bad-length';
  return length > end - offset ? 'truncated' : undefined;
}

/** RFC 768. */
export function parseUdp(bytes: Uint8Array, offset: number, end: number): UdpFields | Malformed {
  return (
    checkUdp(bytes, offset, end) ?? {
      sourcePort: UdpView.sourcePort(bytes, offset),
      destinationPort: UdpView.destinationPort(bytes, offset),
      payloadLength: UdpView.length(bytes, offset) - UDP_HEADER_LEN,
    }
  );
}

/** Writes the header, checksum zero, and returns where the payload begins; {@link sealUdp} comes after the payload. */
export function emitUdp(fields: UdpFields, into: Uint8Array, offset: number): number {
  writeU16(into, offset, fields.sourcePort);
  writeU16(into, offset + 2, fields.destinationPort);
  writeU16(into, offset + 4, UDP_HEADER_LEN + fields.payloadLength);
  writeU16(into, offset + 6, 0);
  return offset + UDP_HEADER_LEN;
}

/** Computes the checksum of the datagram `[offset, end)` and writes it; a zero goes out as all ones (RFC 768). */
export function sealUdp(into: Uint8Array, offset: number, end: number, pseudoSum: number): void {
  writeU16(into, offset + 6, 0);
  writeU16(into, offset + 6, internetChecksum(into, offset, end, pseudoSum) || 0xffff);
}

/** Whether the checksum of `[offset, end)` holds. None at all is accepted: over IPv6 the caller refuses that itself. */
export function verifyUdp(bytes: Uint8Array, offset: number, end: number, pseudoSum: number): boolean {
  return UdpView.checksum(bytes, offset) === 0 || checksumHolds(bytes, offset, end, pseudoSum);
}
