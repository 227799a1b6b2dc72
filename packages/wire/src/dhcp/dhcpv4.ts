import type { Ipv4Address } from '../address/ipv4.ts';
import { type MacAddress, readMac, writeMac } from '../address/mac.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, readU32, writeU16, writeU32 } from '../network-order.ts';
import {
  type Dhcpv4Options,
  dhcpv4OptionsLength,
  emitDhcpv4Options,
  parseDhcpv4Options,
} from './dhcpv4-options.ts';

/** BOOTP's fixed part and the magic cookie (RFC 2131 §2, RFC 2132 §2). */
export const DHCPV4_HEADER_LEN = 240;
export const DHCPV4_SERVER_PORT = 67;
export const DHCPV4_CLIENT_PORT = 68;
/** What relays and old clients expect a message to be at least (RFC 1542 §2.1). */
export const DHCPV4_MIN_LEN = 300;

const MAGIC_COOKIE = 0x6382_5363;
const BROADCAST_FLAG = 0x8000;

/** Values of the message type option, by their number less one (RFC 2132 §9.6). */
const MESSAGE_TYPES = [
  'discover',
  'offer',
  'request',
  'decline',
  'acknowledge',
  'refuse',
  'release',
  'inform',
] as const;

export type Dhcpv4MessageType = (typeof MESSAGE_TYPES)[number];

/** A DHCP message over Ethernet (RFC 2131 §2). */
export interface Dhcpv4Fields {
  readonly operation: 'request' | 'reply';
  readonly messageType: Dhcpv4MessageType;
  readonly hops: number;
  readonly transactionId: number;
  readonly seconds: number;
  /** The client cannot take unicast before it has an address. */
  readonly broadcast: boolean;
  /** ciaddr */
  readonly clientIp: Ipv4Address;
  /** yiaddr */
  readonly yourIp: Ipv4Address;
  /** siaddr */
  readonly serverIp: Ipv4Address;
  /** giaddr */
  readonly relayIp: Ipv4Address;
  readonly clientMac: MacAddress;
  /** "" if none; on the wire at most 64 bytes, ASCII. */
  readonly serverName: string;
  /** "" if none; on the wire at most 128 bytes, ASCII. */
  readonly bootFile: string;
  readonly options: Dhcpv4Options;
}

/** Reads in place. Precondition: {@link checkDhcpv4} found nothing. */
export const Dhcpv4View = {
  isRequest: (bytes: Uint8Array, offset: number): boolean => bytes[offset] === 1,
  transactionId: (bytes: Uint8Array, offset: number): number => readU32(bytes, offset + 4),
  clientMac: (bytes: Uint8Array, offset: number): MacAddress => readMac(bytes, offset + 28),
} as const;

/** Whether a message over Ethernet with DHCP's cookie stands at `offset`. */
export function checkDhcpv4(bytes: Uint8Array, offset: number, end: number): Malformed | undefined {
  if (end - offset < DHCPV4_HEADER_LEN) return 'truncated';
  if (bytes[offset] !== 1 && bytes[offset] !== 2) return 'bad-value';
  if (bytes[offset + 1] !== 1 || bytes[offset + 2] !== 6) return 'bad-value'; // not an Ethernet address
  return readU32(bytes, offset + 236) === MAGIC_COOKIE ? undefined : 'bad-version';
}

/**
 * The message with its options, wherever they stand: option overload (RFC 2132 §9.3) is followed into the
 * `file` and `sname` fields, which then read as "".
 */
export function parseDhcpv4(bytes: Uint8Array, offset: number, end: number): Dhcpv4Fields | Malformed {
  const malformed = checkDhcpv4(bytes, offset, end);
  if (malformed !== undefined) return malformed;
  const parsed = parseDhcpv4Options(bytes, offset, end);
  if (typeof parsed === 'string') return parsed;
  const messageType = MESSAGE_TYPES[parsed.messageType - 1];
  if (messageType === undefined) return 'bad-value';
  return {
    operation: bytes[offset] === 1 ? 'request' : 'reply',
    messageType,
    hops: bytes[offset + 3],
    transactionId: readU32(bytes, offset + 4),
    seconds: readU16(bytes, offset + 8),
    broadcast: (readU16(bytes, offset + 10) & BROADCAST_FLAG) !== 0,
    clientIp: readU32(bytes, offset + 12),
    yourIp: readU32(bytes, offset + 16),
    serverIp: readU32(bytes, offset + 20),
    relayIp: readU32(bytes, offset + 24),
    clientMac: readMac(bytes, offset + 28),
    serverName: (parsed.overload & 2) === 0 ? readText(bytes, offset + 44, offset + 108) : '',
    bootFile: (parsed.overload & 1) === 0 ? readText(bytes, offset + 108, offset + 236) : '',
    options: parsed.options,
  };
}

/** Bytes that {@link emitDhcpv4} writes: never fewer than {@link DHCPV4_MIN_LEN}. */
export function dhcpv4Length(fields: Dhcpv4Fields): number {
  const optionsLength = dhcpv4OptionsLength(numberOf(fields.messageType), fields.options);
  return Math.max(DHCPV4_MIN_LEN, DHCPV4_HEADER_LEN + optionsLength + 1); // and the end option
}

/** Writes the message, padded with zeros, and returns its end. */
export function emitDhcpv4(fields: Dhcpv4Fields, into: Uint8Array, offset: number): number {
  const end = offset + dhcpv4Length(fields);
  into.fill(0, offset, end);
  into[offset] = fields.operation === 'request' ? 1 : 2;
  into[offset + 1] = 1;
  into[offset + 2] = 6;
  into[offset + 3] = fields.hops;
  writeU32(into, offset + 4, fields.transactionId);
  writeU16(into, offset + 8, fields.seconds);
  writeU16(into, offset + 10, fields.broadcast ? BROADCAST_FLAG : 0);
  writeU32(into, offset + 12, fields.clientIp);
  writeU32(into, offset + 16, fields.yourIp);
  writeU32(into, offset + 20, fields.serverIp);
  writeU32(into, offset + 24, fields.relayIp);
  writeMac(fields.clientMac, into, offset + 28);
  writeText(fields.serverName, into, { offset: offset + 44, length: 64 });
  writeText(fields.bootFile, into, { offset: offset + 108, length: 128 });
  writeU32(into, offset + 236, MAGIC_COOKIE);
  const options = { into, offset: offset + DHCPV4_HEADER_LEN };
  const optionsEnd = emitDhcpv4Options(numberOf(fields.messageType), fields.options, options);
  into[optionsEnd] = 255;
  return end;
}

function numberOf(messageType: Dhcpv4MessageType): number {
  return MESSAGE_TYPES.indexOf(messageType) + 1;
}

/** Up to the first zero; bytes beyond ASCII become their Latin-1 characters. */
function readText(bytes: Uint8Array, offset: number, end: number): string {
  let text = '';
  for (let at = offset; at < end && bytes[at] !== 0; at++) text += String.fromCharCode(bytes[at]);
  return text;
}

function writeText(text: string, into: Uint8Array, field: { offset: number; length: number }): void {
  for (let index = 0; index < Math.min(text.length, field.length); index++) {
    into[field.offset + index] = text.charCodeAt(index);
  }
}
