import type { Ipv4Address } from '../address/ipv4.ts';
import { checksumHolds, internetChecksum } from '../checksum.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, readU32, writeU16, writeU32 } from '../network-order.ts';

/** Type, code, checksum and four bytes that depend on the type (RFC 792). */
export const ICMP_HEADER_LEN = 8;

export const ICMP_ECHO_REPLY = 0;
export const ICMP_DESTINATION_UNREACHABLE = 3;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO_REQUEST = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETER_PROBLEM = 12;

/** Codes of destination unreachable (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1). */
export const ICMP_NETWORK_UNREACHABLE = 0;
export const ICMP_HOST_UNREACHABLE = 1;
export const ICMP_PROTOCOL_UNREACHABLE = 2;
export const ICMP_PORT_UNREACHABLE = 3;
export const ICMP_FRAGMENTATION_NEEDED = 4;
export const ICMP_ADMINISTRATIVELY_PROHIBITED = 13;

export type IcmpFields =
  | {
      readonly kind: 'echo-request' | 'echo-reply';
      readonly code: number;
      readonly identifier: number;
      readonly sequence: number;
    }
  /** The quoted datagram follows the header. `nextHopMtu` has meaning with code 4 (RFC 1191 §4), else 0. */
  | {
      readonly kind: 'destination-unreachable';
      readonly code: number;
      /** The 16 bits before the MTU: RFC 4884's length of the quote, in words, or 0. */
      readonly reserved: number;
      readonly nextHopMtu: number;
    }
  | { readonly kind: 'redirect'; readonly code: number; readonly gateway: Ipv4Address }
  /** 0: TTL ran out on the way; 1: reassembly took too long. */
  | { readonly kind: 'time-exceeded'; readonly code: number; readonly reserved: number }
  | {
      readonly kind: 'parameter-problem';
      readonly code: number;
      readonly pointer: number;
      readonly reserved: number;
    }
  | { readonly kind: 'other'; readonly type: number; readonly code: number; readonly rest: number };

/** Reads in place. Precondition: {@link checkIcmp} found nothing. */
export const IcmpView = {
  type: (bytes: Uint8Array, offset: number): number => bytes[offset],
  code: (bytes: Uint8Array, offset: number): number => bytes[offset + 1],
  checksum: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 2),
  /** The four bytes after the checksum. */
  rest: (bytes: Uint8Array, offset: number): number => readU32(bytes, offset + 4),
  identifier: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 4),
  sequence: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 6),
  nextHopMtu: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 6),
} as const;

/** Whether the view may read the message at `offset`. */
export function checkIcmp(_bytes: Uint8Array, offset: number, end: number): Malformed | undefined {
  return end - offset < ICMP_HEADER_LEN ? 'truncated' : undefined;
}

/** The header; data or quote follow at `offset + ICMP_HEADER_LEN`. */
export function parseIcmp(bytes: Uint8Array, offset: number, end: number): IcmpFields | Malformed {
  const malformed = checkIcmp(bytes, offset, end);
  if (malformed !== undefined) return malformed;
  const type = IcmpView.type(bytes, offset);
  const code = IcmpView.code(bytes, offset);
  const rest = IcmpView.rest(bytes, offset);
  switch (type) {
    case ICMP_ECHO_REQUEST:
    case ICMP_ECHO_REPLY: {
      const kind = type === ICMP_ECHO_REQUEST ? 'echo-request' : 'echo-reply';
      return { kind, code, identifier: rest >>> 16, sequence: rest & 0xffff };
    }
    case ICMP_DESTINATION_UNREACHABLE:
      return { kind: 'destination-unreachable', code, reserved: rest >>> 16, nextHopMtu: rest & 0xffff };
    case ICMP_REDIRECT:
      return { kind: 'redirect', code, gateway: rest };
    case ICMP_TIME_EXCEEDED:
      return { kind: 'time-exceeded', code, reserved: rest };
    case ICMP_PARAMETER_PROBLEM:
      return { kind: 'parameter-problem', code, pointer: rest >>> 24, reserved: rest & 0xff_ffff };
    default:
      return { kind: 'other', type, code, rest };
  }
}

/** Writes the header, checksum zero, and returns where data begin; {@link sealIcmp} comes after the data. */
export function emitIcmp(fields: IcmpFields, into: Uint8Array, offset: number): number {
  into[offset] = typeOf(fields);
  into[offset + 1] = fields.code;
  writeU16(into, offset + 2, 0);
  writeU32(into, offset + 4, restOf(fields));
  return offset + ICMP_HEADER_LEN;
}

/** Computes the checksum of the message `[offset, end)` and writes it. */
export function sealIcmp(into: Uint8Array, offset: number, end: number): void {
  writeU16(into, offset + 2, 0);
  writeU16(into, offset + 2, internetChecksum(into, offset, end));
}

/** Whether the checksum of the message `[offset, end)` holds. */
export function verifyIcmp(bytes: Uint8Array, offset: number, end: number): boolean {
  return checksumHolds(bytes, offset, end);
}

/** Whether a message of this type reports an error and quotes a datagram; no error answers one (RFC 1122 §3.2.2). */
export function isIcmpError(type: number): boolean {
  return (
    type === ICMP_DESTINATION_UNREACHABLE ||
    type === 4 || // source quench, deprecated by RFC 6633
    type === ICMP_REDIRECT ||
    type === ICMP_TIME_EXCEEDED ||
    type === ICMP_PARAMETER_PROBLEM
  );
}

function typeOf(fields: IcmpFields): number {
  switch (fields.kind) {
    case 'echo-request':
      return ICMP_ECHO_REQUEST;
    case 'echo-reply':
      return ICMP_ECHO_REPLY;
    case 'destination-unreachable':
      return ICMP_DESTINATION_UNREACHABLE;
    case 'redirect':
      return ICMP_REDIRECT;
    case 'time-exceeded':
      return ICMP_TIME_EXCEEDED;
    case 'parameter-problem':
      return ICMP_PARAMETER_PROBLEM;
    case 'other':
      return fields.type;
  }
}

function restOf(fields: IcmpFields): number {
  switch (fields.kind) {
    case 'echo-request':
    case 'echo-reply':
      return ((fields.identifier << 16) | fields.sequence) >>> 0;
    case 'destination-unreachable':
      return ((fields.reserved << 16) | fields.nextHopMtu) >>> 0;
    case 'redirect':
      return fields.gateway;
    case 'time-exceeded':
      return fields.reserved;
    case 'parameter-problem':
      return ((fields.pointer << 24) | fields.reserved) >>> 0;
    case 'other':
      return fields.rest;
  }
}
