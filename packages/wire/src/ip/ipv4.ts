import type { Ipv4Address } from '../address/ipv4.ts';
import { checksumHolds, internetChecksum } from '../checksum.ts';
import { copyBytes } from '../copy-bytes.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, readU32, writeU16, writeU32 } from '../network-order.ts';

/** Without options (RFC 791 §3.1). */
export const IPV4_HEADER_LEN = 20;
/** Where the addresses stand, for pseudo headers. */
export const IPV4_ADDRESSES_OFFSET = 12;

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;

export interface Ipv4Fields {
  /** DSCP and ECN, the former type of service. */
  readonly trafficClass: number;
  /** Bytes after the header. */
  readonly payloadLength: number;
  readonly identification: number;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  /** Where this fragment's payload belongs, in bytes; a multiple of 8. */
  readonly fragmentOffset: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly source: Ipv4Address;
  readonly destination: Ipv4Address;
  /** Options with their padding as they stand on the wire: a multiple of 4, at most 40 bytes. */
  readonly options?: Uint8Array;
}

/** Reads in place. Precondition: {@link checkIpv4} found nothing. */
export const Ipv4View = {
  headerLength: (bytes: Uint8Array, offset: number): number => (bytes[offset] & 0x0f) << 2,
  trafficClass: (bytes: Uint8Array, offset: number): number => bytes[offset + 1],
  totalLength: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 2),
  identification: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 4),
  dontFragment: (bytes: Uint8Array, offset: number): boolean => (bytes[offset + 6] & 0x40) !== 0,
  moreFragments: (bytes: Uint8Array, offset: number): boolean => (bytes[offset + 6] & 0x20) !== 0,
  fragmentOffset: (bytes: Uint8Array, offset: number): number => (readU16(bytes, offset + 6) & 0x1fff) << 3,
  /** Whether this is a part of a datagram, first and last included. */
  isFragment: (bytes: Uint8Array, offset: number): boolean => (readU16(bytes, offset + 6) & 0x3fff) !== 0,
  ttl: (bytes: Uint8Array, offset: number): number => bytes[offset + 8],
  protocol: (bytes: Uint8Array, offset: number): number => bytes[offset + 9],
  checksum: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 10),
  source: (bytes: Uint8Array, offset: number): Ipv4Address => readU32(bytes, offset + 12),
  destination: (bytes: Uint8Array, offset: number): Ipv4Address => readU32(bytes, offset + 16),
} as const;

export interface Ipv4CheckOptions {
  /** Whether a wrong header checksum refuses the datagram; quotes inside ICMP errors leave it out. @default true */
  readonly verifyChecksum?: boolean;
}

/**
 * Whether the view may read the datagram at `offset`, and the datagram's `totalLength` lies within `end` (an
 * Ethernet frame may be longer: padding).
 */
export function checkIpv4(
  bytes: Uint8Array,
  offset: number,
  end: number,
  options?: Ipv4CheckOptions,
): Malformed | undefined {
  if (end - offset < IPV4_HEADER_LEN) return 'truncated';
  if (bytes[offset] >>> 4 !== 4) return 'bad-version';
  const headerLength = Ipv4View.headerLength(bytes, offset);
  const totalLength = Ipv4View.totalLength(bytes, offset);
  if (headerLength < IPV4_HEADER_LEN || totalLength < headerLength) return 'bad-length';
  if (totalLength > end - offset) return 'truncated';
  if (options?.verifyChecksum === false) return undefined;
  return checksumHolds(bytes, offset, offset + headerLength) ? undefined : 'bad-checksum';
}

/** The header; `options` is a copy. */
export function parseIpv4(bytes: Uint8Array, offset: number, end: number): Ipv4Fields | Malformed {
  const malformed = checkIpv4(bytes, offset, end);
  return malformed ?? readIpv4(bytes, offset);
}

/**
 * The header of a datagram that may be cut short, as an ICMP error quotes it: only the header itself must be
 * whole, and its checksum is not looked at.
 */
export function parseQuotedIpv4(bytes: Uint8Array, offset: number, end: number): Ipv4Fields | Malformed {
  if (end - offset < IPV4_HEADER_LEN) return 'truncated';
  if (bytes[offset] >>> 4 !== 4) return 'bad-version';
  const headerLength = Ipv4View.headerLength(bytes, offset);
  if (headerLength < IPV4_HEADER_LEN || Ipv4View.totalLength(bytes, offset) < headerLength)
    return 'bad-length';
  return headerLength > end - offset ? 'truncated' : readIpv4(bytes, offset);
}

/** Bytes of the header that {@link emitIpv4} writes. */
export function ipv4HeaderLength(fields: Ipv4Fields): number {
  return IPV4_HEADER_LEN + (fields.options === undefined ? 0 : fields.options.length);
}

/** Writes the header with its checksum and returns where the payload begins. */
export function emitIpv4(fields: Ipv4Fields, into: Uint8Array, offset: number): number {
  const headerLength = ipv4HeaderLength(fields);
  into[offset] = 0x40 | (headerLength >>> 2);
  into[offset + 1] = fields.trafficClass;
  writeU16(into, offset + 2, headerLength + fields.payloadLength);
  writeU16(into, offset + 4, fields.identification);
  const flags = (fields.dontFragment ? DONT_FRAGMENT : 0) | (fields.moreFragments ? MORE_FRAGMENTS : 0);
  writeU16(into, offset + 6, flags | (fields.fragmentOffset >>> 3));
  into[offset + 8] = fields.ttl;
  into[offset + 9] = fields.protocol;
  writeU16(into, offset + 10, 0);
  writeU32(into, offset + 12, fields.source);
  writeU32(into, offset + 16, fields.destination);
  if (fields.options !== undefined) into.set(fields.options, offset + IPV4_HEADER_LEN);
  writeU16(into, offset + 10, internetChecksum(into, offset, offset + headerLength));
  return offset + headerLength;
}

function readIpv4(bytes: Uint8Array, offset: number): Ipv4Fields {
  const headerLength = Ipv4View.headerLength(bytes, offset);
  const fields = {
    trafficClass: Ipv4View.trafficClass(bytes, offset),
    payloadLength: Ipv4View.totalLength(bytes, offset) - headerLength,
    identification: Ipv4View.identification(bytes, offset),
    dontFragment: Ipv4View.dontFragment(bytes, offset),
    moreFragments: Ipv4View.moreFragments(bytes, offset),
    fragmentOffset: Ipv4View.fragmentOffset(bytes, offset),
    ttl: Ipv4View.ttl(bytes, offset),
    protocol: Ipv4View.protocol(bytes, offset),
    source: Ipv4View.source(bytes, offset),
    destination: Ipv4View.destination(bytes, offset),
  };
  if (headerLength === IPV4_HEADER_LEN) return fields;
  return { ...fields, options: copyBytes(bytes, offset + IPV4_HEADER_LEN, offset + headerLength) };
}
