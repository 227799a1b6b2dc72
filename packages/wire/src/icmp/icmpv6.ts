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
import {
  emitNdpBody,
  ICMPV6_NEIGHBOR_ADVERTISEMENT,
  ICMPV6_NEIGHBOR_SOLICITATION,
  ICMPV6_REDIRECT,
  ICMPV6_ROUTER_ADVERTISEMENT,
  ICMPV6_ROUTER_SOLICITATION,
  type NdpFields,
  ndpFlags,
  ndpLength,
  parseNdp,
} from './ndp.ts';

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
  | NdpFields
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
 * The message. That neighbour discovery came with hop limit 255 (RFC 4861 §6.1, §7.1) is for the caller, who has
 * the IPv6 header, to check.
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
      return parseNdp(bytes, offset, end);
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
    case 'router-advertisement':
    case 'neighbor-solicitation':
    case 'neighbor-advertisement':
    case 'redirect':
      return ndpLength(fields);
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
    case 'router-advertisement':
    case 'neighbor-advertisement':
      return ndpFlags(fields);
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
    case 'router-advertisement':
    case 'neighbor-solicitation':
    case 'neighbor-advertisement':
    case 'redirect':
      return emitNdpBody(fields, into, offset);
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
