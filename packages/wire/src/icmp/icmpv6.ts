import { type Ipv6Address, readIpv6Address, writeIpv6Address } from '../address/ipv6.ts';
import { checksumHolds, internetChecksum } from '../checksum.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, readU32, writeU16, writeU32 } from '../network-order.ts';
import {
  emitMldRecords,
  emitMldV2Query,
  type MldRecord,
  type MldV2Query,
  mldRecordsLength,
  parseMldRecords,
  parseMldV2Query,
} from './mld.ts';
import { emitNdpOptions, type NdpOption, ndpOptionsLength, parseNdpOptions } from './ndp-options.ts';

/** Type, code, checksum and four bytes that depend on the type (RFC 4443 §2.1). */
export const ICMPV6_HEADER_LEN = 8;

export const ICMPV6_DESTINATION_UNREACHABLE = 1;
export const ICMPV6_PACKET_TOO_BIG = 2;
export const ICMPV6_TIME_EXCEEDED = 3;
export const ICMPV6_PARAMETER_PROBLEM = 4;
export const ICMPV6_ECHO_REQUEST = 128;
export const ICMPV6_ECHO_REPLY = 129;
export const ICMPV6_MLD_QUERY = 130;
export const ICMPV6_MLD_REPORT = 131;
export const ICMPV6_MLD_DONE = 132;
export const ICMPV6_ROUTER_SOLICITATION = 133;
export const ICMPV6_ROUTER_ADVERTISEMENT = 134;
export const ICMPV6_NEIGHBOR_SOLICITATION = 135;
export const ICMPV6_NEIGHBOR_ADVERTISEMENT = 136;
export const ICMPV6_REDIRECT = 137;
export const ICMPV6_MLDV2_REPORT = 143;

/** Codes of destination unreachable (RFC 4443 §3.1). */
export const ICMPV6_NO_ROUTE = 0;
export const ICMPV6_PROHIBITED = 1;
export const ICMPV6_ADDRESS_UNREACHABLE = 3;
export const ICMPV6_PORT_UNREACHABLE = 4;

/** Errors and echoes are followed by their quote or data; the other kinds are whole messages. */
export type Icmpv6Fields =
  | {
      readonly kind: 'echo-request' | 'echo-reply';
      readonly code: number;
      readonly identifier: number;
      readonly sequence: number;
    }
  | {
      readonly kind: 'destination-unreachable' | 'time-exceeded';
      readonly code: number;
      readonly reserved: number;
    }
  | { readonly kind: 'packet-too-big'; readonly code: number; readonly mtu: number }
  | { readonly kind: 'parameter-problem'; readonly code: number; readonly pointer: number }
  | { readonly kind: 'router-solicitation'; readonly options: readonly NdpOption[] }
  | RouterAdvertisementFields
  | {
      readonly kind: 'neighbor-solicitation';
      readonly target: Ipv6Address;
      readonly options: readonly NdpOption[];
    }
  | {
      readonly kind: 'neighbor-advertisement';
      readonly target: Ipv6Address;
      readonly router: boolean;
      readonly solicited: boolean;
      readonly override: boolean;
      readonly options: readonly NdpOption[];
    }
  | {
      readonly kind: 'redirect';
      readonly target: Ipv6Address;
      readonly destination: Ipv6Address;
      readonly options: readonly NdpOption[];
    }
  | {
      readonly kind: 'mld-query';
      /** As sent: milliseconds, below 32768 in version 2. */
      readonly maxResponseCode: number;
      readonly group: Ipv6Address;
      /** Absent in version 1 (RFC 2710). */
      readonly v2?: MldV2Query;
    }
  | { readonly kind: 'mld-report' | 'mld-done'; readonly group: Ipv6Address }
  | { readonly kind: 'mld-v2-report'; readonly records: readonly MldRecord[] }
  | { readonly kind: 'other'; readonly type: number; readonly code: number; readonly rest: number };

/** RFC 4861 §4.2. */
export interface RouterAdvertisementFields {
  readonly kind: 'router-advertisement';
  readonly hopLimit: number;
  /** Addresses by DHCPv6. */
  readonly managed: boolean;
  /** Other configuration by DHCPv6. */
  readonly otherConfiguration: boolean;
  /** RFC 4191 §2.2. */
  readonly preference: 'low' | 'medium' | 'high';
  /** Seconds; 0 means that the sender is no default router. */
  readonly lifetime: number;
  readonly reachableTimeMs: number;
  readonly retransmitTimerMs: number;
  readonly options: readonly NdpOption[];
}

/** Reads in place. Precondition: {@link checkIcmpv6} found nothing. */
export const Icmpv6View = {
  type: (bytes: Uint8Array, offset: number): number => bytes[offset],
  code: (bytes: Uint8Array, offset: number): number => bytes[offset + 1],
  checksum: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 2),
  /** The four bytes after the checksum. */
  rest: (bytes: Uint8Array, offset: number): number => readU32(bytes, offset + 4),
  identifier: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 4),
  sequence: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 6),
  mtu: (bytes: Uint8Array, offset: number): number => readU32(bytes, offset + 4),
} as const;

/** Whether the view may read the message at `offset`. */
export function checkIcmpv6(_bytes: Uint8Array, offset: number, end: number): Malformed | undefined {
  return end - offset < ICMPV6_HEADER_LEN ? 'truncated' : undefined;
}

/**
 * The message. That neighbour discovery came with hop limit 255 and code 0 (RFC 4861 §6.1, §7.1) is for the
 * caller, who has the IPv6 header, to check.
 */
export function parseIcmpv6(bytes: Uint8Array, offset: number, end: number): Icmpv6Fields | Malformed {
  const malformed = checkIcmpv6(bytes, offset, end);
  if (malformed !== undefined) return malformed;
  const type = Icmpv6View.type(bytes, offset);
  const code = Icmpv6View.code(bytes, offset);
  const rest = Icmpv6View.rest(bytes, offset);
  switch (type) {
    case ICMPV6_ECHO_REQUEST:
    case ICMPV6_ECHO_REPLY: {
      const kind = type === ICMPV6_ECHO_REQUEST ? 'echo-request' : 'echo-reply';
      return { kind, code, identifier: rest >>> 16, sequence: rest & 0xffff };
    }
    case ICMPV6_DESTINATION_UNREACHABLE:
      return { kind: 'destination-unreachable', code, reserved: rest };
    case ICMPV6_TIME_EXCEEDED:
      return { kind: 'time-exceeded', code, reserved: rest };
    case ICMPV6_PACKET_TOO_BIG:
      return { kind: 'packet-too-big', code, mtu: rest };
    case ICMPV6_PARAMETER_PROBLEM:
      return { kind: 'parameter-problem', code, pointer: rest };
    case ICMPV6_ROUTER_SOLICITATION:
    case ICMPV6_ROUTER_ADVERTISEMENT:
    case ICMPV6_NEIGHBOR_SOLICITATION:
    case ICMPV6_NEIGHBOR_ADVERTISEMENT:
    case ICMPV6_REDIRECT:
      return parseDiscovery(bytes, offset, end);
    case ICMPV6_MLD_QUERY:
    case ICMPV6_MLD_REPORT:
    case ICMPV6_MLD_DONE:
    case ICMPV6_MLDV2_REPORT:
      return parseMld(bytes, offset, end);
    default:
      return { kind: 'other', type, code, rest };
  }
}

/** Bytes that {@link emitIcmpv6} writes. */
export function icmpv6Length(fields: Icmpv6Fields): number {
  switch (fields.kind) {
    case 'router-solicitation':
      return 8 + ndpOptionsLength(fields.options);
    case 'router-advertisement':
      return 16 + ndpOptionsLength(fields.options);
    case 'neighbor-solicitation':
    case 'neighbor-advertisement':
      return 24 + ndpOptionsLength(fields.options);
    case 'redirect':
      return 40 + ndpOptionsLength(fields.options);
    case 'mld-query':
      return fields.v2 === undefined ? 24 : 28 + 16 * fields.v2.sources.length;
    case 'mld-report':
    case 'mld-done':
      return 24;
    case 'mld-v2-report':
      return 8 + mldRecordsLength(fields.records);
    default:
      return ICMPV6_HEADER_LEN;
  }
}

/** Writes the message, checksum zero, and returns its end; {@link sealIcmpv6} comes after any data. */
export function emitIcmpv6(fields: Icmpv6Fields, into: Uint8Array, offset: number): number {
  into[offset] = typeOf(fields);
  into[offset + 1] = 'code' in fields ? fields.code : 0;
  writeU16(into, offset + 2, 0);
  writeU32(into, offset + 4, restOf(fields));
  return emitBody(fields, into, offset + ICMPV6_HEADER_LEN);
}

/** Computes the checksum of the message `[offset, end)` and writes it. */
export function sealIcmpv6(into: Uint8Array, offset: number, end: number, pseudoSum: number): void {
  writeU16(into, offset + 2, 0);
  writeU16(into, offset + 2, internetChecksum(into, offset, end, pseudoSum));
}

/** Whether the checksum of the message `[offset, end)` holds. */
export function verifyIcmpv6(bytes: Uint8Array, offset: number, end: number, pseudoSum: number): boolean {
  return checksumHolds(bytes, offset, end, pseudoSum);
}

/** Whether a message of this type reports an error (RFC 4443 §2.1); no error answers one. */
export function isIcmpv6Error(type: number): boolean {
  return type < 128;
}

function parseDiscovery(bytes: Uint8Array, offset: number, end: number): Icmpv6Fields | Malformed {
  const type = bytes[offset];
  const fixed = fixedLength(type);
  if (end - offset < fixed) return 'truncated';
  const options = parseNdpOptions(bytes, offset + fixed, end);
  if (typeof options === 'string') return options;
  if (type === ICMPV6_ROUTER_SOLICITATION) return { kind: 'router-solicitation', options };
  if (type === ICMPV6_ROUTER_ADVERTISEMENT) return readRouterAdvertisement(bytes, offset, options);
  const target = readIpv6Address(bytes, offset + 8);
  if (type === ICMPV6_NEIGHBOR_SOLICITATION) return { kind: 'neighbor-solicitation', target, options };
  if (type === ICMPV6_REDIRECT) {
    return { kind: 'redirect', target, destination: readIpv6Address(bytes, offset + 24), options };
  }
  const flags = bytes[offset + 4];
  return {
    kind: 'neighbor-advertisement',
    target,
    router: (flags & 0x80) !== 0,
    solicited: (flags & 0x40) !== 0,
    override: (flags & 0x20) !== 0,
    options,
  };
}

/** What stands before the options. */
function fixedLength(type: number): number {
  if (type === ICMPV6_ROUTER_SOLICITATION) return 8;
  if (type === ICMPV6_ROUTER_ADVERTISEMENT) return 16;
  return type === ICMPV6_REDIRECT ? 40 : 24;
}

function readRouterAdvertisement(
  bytes: Uint8Array,
  offset: number,
  options: readonly NdpOption[],
): RouterAdvertisementFields {
  const flags = bytes[offset + 5];
  return {
    kind: 'router-advertisement',
    hopLimit: bytes[offset + 4],
    managed: (flags & 0x80) !== 0,
    otherConfiguration: (flags & 0x40) !== 0,
    // 10 is reserved and read as medium (RFC 4191 §2.2).
    preference: (['medium', 'high', 'medium', 'low'] as const)[(flags >>> 3) & 3],
    lifetime: readU16(bytes, offset + 6),
    reachableTimeMs: readU32(bytes, offset + 8),
    retransmitTimerMs: readU32(bytes, offset + 12),
    options,
  };
}

function parseMld(bytes: Uint8Array, offset: number, end: number): Icmpv6Fields | Malformed {
  if (bytes[offset] === ICMPV6_MLDV2_REPORT) {
    const parsed = parseMldRecords(bytes, offset + 8, { count: readU16(bytes, offset + 6), end });
    return typeof parsed === 'string' ? parsed : { kind: 'mld-v2-report', records: parsed.records };
  }
  if (end - offset < 24) return 'truncated';
  const group = readIpv6Address(bytes, offset + 8);
  if (bytes[offset] === ICMPV6_MLD_REPORT) return { kind: 'mld-report', group };
  if (bytes[offset] === ICMPV6_MLD_DONE) return { kind: 'mld-done', group };
  const query = { kind: 'mld-query' as const, maxResponseCode: readU16(bytes, offset + 4), group };
  if (end - offset < 28) return query; // RFC 3810 §8.1: 24 bytes are version 1
  const v2 = parseMldV2Query(bytes, offset + 24, end);
  return typeof v2 === 'string' ? v2 : { ...query, v2 };
}

const TYPES = {
  'echo-request': ICMPV6_ECHO_REQUEST,
  'echo-reply': ICMPV6_ECHO_REPLY,
  'destination-unreachable': ICMPV6_DESTINATION_UNREACHABLE,
  'time-exceeded': ICMPV6_TIME_EXCEEDED,
  'packet-too-big': ICMPV6_PACKET_TOO_BIG,
  'parameter-problem': ICMPV6_PARAMETER_PROBLEM,
  'router-solicitation': ICMPV6_ROUTER_SOLICITATION,
  'router-advertisement': ICMPV6_ROUTER_ADVERTISEMENT,
  'neighbor-solicitation': ICMPV6_NEIGHBOR_SOLICITATION,
  'neighbor-advertisement': ICMPV6_NEIGHBOR_ADVERTISEMENT,
  redirect: ICMPV6_REDIRECT,
  'mld-query': ICMPV6_MLD_QUERY,
  'mld-report': ICMPV6_MLD_REPORT,
  'mld-done': ICMPV6_MLD_DONE,
  'mld-v2-report': ICMPV6_MLDV2_REPORT,
} as const satisfies Record<Exclude<Icmpv6Fields['kind'], 'other'>, number>;

function typeOf(fields: Icmpv6Fields): number {
  return fields.kind === 'other' ? fields.type : TYPES[fields.kind];
}

function restOf(fields: Icmpv6Fields): number {
  switch (fields.kind) {
    case 'echo-request':
    case 'echo-reply':
      return ((fields.identifier << 16) | fields.sequence) >>> 0;
    case 'destination-unreachable':
    case 'time-exceeded':
      return fields.reserved;
    case 'packet-too-big':
      return fields.mtu;
    case 'parameter-problem':
      return fields.pointer;
    case 'router-advertisement': {
      const preference = { medium: 0, high: 1, low: 3 }[fields.preference] << 3;
      const flags = (fields.managed ? 0x80 : 0) | (fields.otherConfiguration ? 0x40 : 0) | preference;
      return ((fields.hopLimit << 24) | (flags << 16) | fields.lifetime) >>> 0;
    }
    case 'neighbor-advertisement': {
      const flags = (fields.router ? 0x80 : 0) | (fields.solicited ? 0x40 : 0) | (fields.override ? 0x20 : 0);
      return (flags << 24) >>> 0;
    }
    case 'mld-query':
      return (fields.maxResponseCode << 16) >>> 0;
    case 'mld-v2-report':
      return fields.records.length;
    case 'other':
      return fields.rest;
    default:
      return 0;
  }
}

/** What follows the first eight bytes. */
function emitBody(fields: Icmpv6Fields, into: Uint8Array, offset: number): number {
  switch (fields.kind) {
    case 'router-solicitation':
      return emitNdpOptions(fields.options, into, offset);
    case 'router-advertisement':
      writeU32(into, offset, fields.reachableTimeMs);
      writeU32(into, offset + 4, fields.retransmitTimerMs);
      return emitNdpOptions(fields.options, into, offset + 8);
    case 'neighbor-solicitation':
    case 'neighbor-advertisement':
      writeIpv6Address(fields.target, into, offset);
      return emitNdpOptions(fields.options, into, offset + 16);
    case 'redirect':
      writeIpv6Address(fields.target, into, offset);
      writeIpv6Address(fields.destination, into, offset + 16);
      return emitNdpOptions(fields.options, into, offset + 32);
    case 'mld-query':
      writeIpv6Address(fields.group, into, offset);
      return fields.v2 === undefined ? offset + 16 : emitMldV2Query(fields.v2, into, offset + 16);
    case 'mld-report':
    case 'mld-done':
      writeIpv6Address(fields.group, into, offset);
      return offset + 16;
    case 'mld-v2-report':
      return emitMldRecords(fields.records, into, offset);
    default:
      return offset;
  }
}
