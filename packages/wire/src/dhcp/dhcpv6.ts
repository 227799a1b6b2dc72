import { type Ipv6Address, readIpv6Address, writeIpv6Address } from '../address/ipv6.ts';
import { copyBytes } from '../copy-bytes.ts';
import { decodePlainName, encodePlainName } from '../dns/plain-name.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, readU24, readU32, writeU16, writeU24, writeU32 } from '../network-order.ts';

/** Message type and transaction identifier (RFC 8415 §8). */
export const DHCPV6_HEADER_LEN = 4;
export const DHCPV6_SERVER_PORT = 547;
export const DHCPV6_CLIENT_PORT = 546;

const OPTION_CLIENT_ID = 1;
const OPTION_SERVER_ID = 2;
const OPTION_REQUEST = 6;
const OPTION_ELAPSED_TIME = 8;
const OPTION_STATUS_CODE = 13;
const OPTION_RAPID_COMMIT = 14;
const OPTION_DNS_SERVERS = 23;
const OPTION_DOMAIN_LIST = 24;
const OPTION_INFORMATION_REFRESH_TIME = 32;

/** Message types (RFC 8415 §7.3). */
const MESSAGE_TYPES = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  reconfigure: 10,
  'information-request': 11,
} as const;

export type Dhcpv6MessageType = keyof typeof MESSAGE_TYPES;

/** An option of a stateless exchange (RFC 8415 §21, RFC 3646); others, the stateful ones among them, uninterpreted. */
export type Dhcpv6Option =
  | { readonly kind: 'client-id' | 'server-id'; readonly duid: Uint8Array }
  | { readonly kind: 'option-request'; readonly codes: readonly number[] }
  /** Hundredths of a second since the exchange began. */
  | { readonly kind: 'elapsed-time'; readonly hundredths: number }
  | { readonly kind: 'status'; readonly status: number; readonly message: string }
  | { readonly kind: 'rapid-commit' }
  | { readonly kind: 'dns-servers'; readonly servers: readonly Ipv6Address[] }
  | { readonly kind: 'domain-list'; readonly domains: readonly string[] }
  /** Seconds. */
  | { readonly kind: 'information-refresh-time'; readonly seconds: number }
  | { readonly kind: 'other'; readonly code: number; readonly data: Uint8Array };

export interface Dhcpv6Fields {
  readonly messageType: Dhcpv6MessageType;
  /** 24 bits. */
  readonly transactionId: number;
  readonly options: readonly Dhcpv6Option[];
}

/** Reads in place. Precondition: {@link checkDhcpv6} found nothing. */
export const Dhcpv6View = {
  messageType: (bytes: Uint8Array, offset: number): number => bytes[offset],
  transactionId: (bytes: Uint8Array, offset: number): number => readU24(bytes, offset + 1),
} as const;

/** Whether the view may read the message at `offset`: one between client and server, not a relay's. */
export function checkDhcpv6(bytes: Uint8Array, offset: number, end: number): Malformed | undefined {
  if (end - offset < DHCPV6_HEADER_LEN) return 'truncated';
  return bytes[offset] >= 1 && bytes[offset] <= 11 ? undefined : 'bad-value';
}

/** A message between client and server (RFC 8415 §8), with its options. */
export function parseDhcpv6(bytes: Uint8Array, offset: number, end: number): Dhcpv6Fields | Malformed {
  const malformed = checkDhcpv6(bytes, offset, end);
  if (malformed !== undefined) return malformed;
  const names = Object.keys(MESSAGE_TYPES) as Dhcpv6MessageType[];
  const options: Dhcpv6Option[] = [];
  for (let at = offset + DHCPV6_HEADER_LEN; at < end; ) {
    if (end - at < 4) return 'truncated';
    const optionEnd = at + 4 + readU16(bytes, at + 2);
    if (optionEnd > end) return 'truncated';
    options.push(parseOption(readU16(bytes, at), copyBytes(bytes, at + 4, optionEnd)));
    at = optionEnd;
  }
  return {
    messageType: names[bytes[offset] - 1],
    transactionId: Dhcpv6View.transactionId(bytes, offset),
    options,
  };
}

/** Bytes that {@link emitDhcpv6} writes. */
export function dhcpv6Length(fields: Dhcpv6Fields): number {
  return fields.options.reduce((length, option) => length + 4 + encodeData(option).length, DHCPV6_HEADER_LEN);
}

/** Writes the message and returns its end. */
export function emitDhcpv6(fields: Dhcpv6Fields, into: Uint8Array, offset: number): number {
  into[offset] = MESSAGE_TYPES[fields.messageType];
  writeU24(into, offset + 1, fields.transactionId);
  let at = offset + DHCPV6_HEADER_LEN;
  for (const option of fields.options) {
    const data = encodeData(option);
    writeU16(into, at, codeOf(option));
    writeU16(into, at + 2, data.length);
    into.set(data, at + 4);
    at += 4 + data.length;
  }
  return at;
}

function parseOption(code: number, data: Uint8Array): Dhcpv6Option {
  const other = { kind: 'other' as const, code, data };
  switch (code) {
    case OPTION_CLIENT_ID:
    case OPTION_SERVER_ID:
      return { kind: code === OPTION_CLIENT_ID ? 'client-id' : 'server-id', duid: data };
    case OPTION_REQUEST:
      if (data.length % 2 !== 0) return other;
      return {
        kind: 'option-request',
        codes: Array.from({ length: data.length / 2 }, (_, index) => readU16(data, 2 * index)),
      };
    case OPTION_ELAPSED_TIME:
      return data.length === 2 ? { kind: 'elapsed-time', hundredths: readU16(data, 0) } : other;
    case OPTION_STATUS_CODE:
      if (data.length < 2) return other;
      return { kind: 'status', status: readU16(data, 0), message: String.fromCharCode(...data.subarray(2)) };
    case OPTION_RAPID_COMMIT:
      return data.length === 0 ? { kind: 'rapid-commit' } : other;
    case OPTION_DNS_SERVERS:
      if (data.length === 0 || data.length % 16 !== 0) return other;
      return {
        kind: 'dns-servers',
        servers: Array.from({ length: data.length / 16 }, (_, index) => readIpv6Address(data, 16 * index)),
      };
    case OPTION_DOMAIN_LIST:
      return parseDomainList(data) ?? other;
    case OPTION_INFORMATION_REFRESH_TIME:
      return data.length === 4 ? { kind: 'information-refresh-time', seconds: readU32(data, 0) } : other;
    default:
      return other;
  }
}

/** Names one after the other, never compressed (RFC 8415 §10). */
function parseDomainList(data: Uint8Array): Dhcpv6Option | undefined {
  const domains: string[] = [];
  for (let at = 0; at < data.length; ) {
    const name = decodePlainName(data, at, data.length);
    if (name === undefined) return undefined;
    domains.push(name.name);
    at = name.end;
  }
  return { kind: 'domain-list', domains };
}

function codeOf(option: Dhcpv6Option): number {
  switch (option.kind) {
    case 'client-id':
      return OPTION_CLIENT_ID;
    case 'server-id':
      return OPTION_SERVER_ID;
    case 'option-request':
      return OPTION_REQUEST;
    case 'elapsed-time':
      return OPTION_ELAPSED_TIME;
    case 'status':
      return OPTION_STATUS_CODE;
    case 'rapid-commit':
      return OPTION_RAPID_COMMIT;
    case 'dns-servers':
      return OPTION_DNS_SERVERS;
    case 'domain-list':
      return OPTION_DOMAIN_LIST;
    case 'information-refresh-time':
      return OPTION_INFORMATION_REFRESH_TIME;
    case 'other':
      return option.code;
  }
}

function encodeData(option: Dhcpv6Option): Uint8Array {
  switch (option.kind) {
    case 'client-id':
    case 'server-id':
      return option.duid;
    case 'option-request':
      return Uint8Array.from(option.codes.flatMap((code) => [code >>> 8, code & 255]));
    case 'elapsed-time':
      return Uint8Array.of(option.hundredths >>> 8, option.hundredths & 255);
    case 'status': {
      const text = Array.from(option.message, (character) => character.charCodeAt(0) & 255);
      return Uint8Array.of(option.status >>> 8, option.status & 255, ...text);
    }
    case 'rapid-commit':
      return new Uint8Array(0);
    case 'dns-servers': {
      const data = new Uint8Array(16 * option.servers.length);
      for (const [index, server] of option.servers.entries()) writeIpv6Address(server, data, 16 * index);
      return data;
    }
    case 'domain-list':
      return Uint8Array.from(option.domains.flatMap((domain) => encodePlainName(domain) ?? []));
    case 'information-refresh-time': {
      const data = new Uint8Array(4);
      writeU32(data, 0, option.seconds);
      return data;
    }
    case 'other':
      return option.data;
  }
}
