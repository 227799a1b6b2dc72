import { type Ipv6Address, readIpv6Address, writeIpv6Address } from '../address/ipv6.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, readU32, writeU16, writeU32 } from '../network-order.ts';

/** The fixed header (RFC 8200 §3); extension headers are in ipv6-extensions.ts. */
export const IPV6_HEADER_LEN = 40;
/** Where the addresses stand, for pseudo headers. */
export const IPV6_ADDRESSES_OFFSET = 8;
/** Every link carries packets of this size (RFC 8200 §5). */
export const IPV6_MIN_MTU = 1280;

export interface Ipv6Fields {
  readonly trafficClass: number;
  /** 20 bits. */
  readonly flowLabel: number;
  /** Bytes after the fixed header, extension headers included. */
  readonly payloadLength: number;
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly source: Ipv6Address;
  readonly destination: Ipv6Address;
}

/** Reads in place. Precondition: {@link checkIpv6} found nothing. */
export const Ipv6View = {
  trafficClass: (bytes: Uint8Array, offset: number): number => (readU16(bytes, offset) >>> 4) & 0xff,
  flowLabel: (bytes: Uint8Array, offset: number): number => readU32(bytes, offset) & 0xf_ffff,
  payloadLength: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 4),
  nextHeader: (bytes: Uint8Array, offset: number): number => bytes[offset + 6],
  hopLimit: (bytes: Uint8Array, offset: number): number => bytes[offset + 7],
  /** Allocates. */
  source: (bytes: Uint8Array, offset: number): Ipv6Address => readIpv6Address(bytes, offset + 8),
  /** Allocates. */
  destination: (bytes: Uint8Array, offset: number): Ipv6Address => readIpv6Address(bytes, offset + 24),
} as const;

/** Whether the view may read the packet at `offset`, and its payload lies within `end`. */
export function checkIpv6(bytes: Uint8Array, offset: number, end: number): Malformed | undefined {
  if (end - offset < IPV6_HEADER_LEN) return 'truncated';
  if (bytes[offset] >>> 4 !== 6) return 'bad-version';
  return IPV6_HEADER_LEN + Ipv6View.payloadLength(bytes, offset) > end - offset ? 'truncated' : undefined;
}

/** The fixed header (RFC 8200 §3), without extensions. */
export function parseIpv6(bytes: Uint8Array, offset: number, end: number): Ipv6Fields | Malformed {
  return checkIpv6(bytes, offset, end) ?? readIpv6(bytes, offset);
}

/** The header of a packet that may be cut short, as an ICMPv6 error quotes it. */
export function parseQuotedIpv6(bytes: Uint8Array, offset: number, end: number): Ipv6Fields | Malformed {
  if (end - offset < IPV6_HEADER_LEN) return 'truncated';
  return bytes[offset] >>> 4 === 6 ? readIpv6(bytes, offset) : 'bad-version';
}

/** Writes the fixed header and returns where the payload begins. */
export function emitIpv6(fields: Ipv6Fields, into: Uint8Array, offset: number): number {
  writeU32(into, offset, 0x6000_0000 + fields.trafficClass * 0x10_0000 + fields.flowLabel);
  writeU16(into, offset + 4, fields.payloadLength);
  into[offset + 6] = fields.nextHeader;
  into[offset + 7] = fields.hopLimit;
  writeIpv6Address(fields.source, into, offset + 8);
  writeIpv6Address(fields.destination, into, offset + 24);
  return offset + IPV6_HEADER_LEN;
}

function readIpv6(bytes: Uint8Array, offset: number): Ipv6Fields {
  return {
    trafficClass: Ipv6View.trafficClass(bytes, offset),
    flowLabel: Ipv6View.flowLabel(bytes, offset),
    payloadLength: Ipv6View.payloadLength(bytes, offset),
    nextHeader: Ipv6View.nextHeader(bytes, offset),
    hopLimit: Ipv6View.hopLimit(bytes, offset),
    source: Ipv6View.source(bytes, offset),
    destination: Ipv6View.destination(bytes, offset),
  };
}
