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
const OPTION_IA_ADDRESS = 5;
const OPTION_REQUEST = 6;
const OPTION_ELAPSED_TIME = 8;
const OPTION_STATUS_CODE = 13;
const OPTION_RAPID_COMMIT = 14;
const OPTION_DNS_SERVERS = 23;
const OPTION_DOMAIN_LIST = 24;
const OPTION_INFORMATION_REFRESH_TIME = 32;
/** As an option request names it. */
export const DHCPV6_OPTION_SOL_MAX_RT = 82;
const OPTION_INF_MAX_RT = 83;

/** What a client asks leases for (RFC 8415 §4.2): addresses, temporary ones, prefixes for networks behind it. */
const IDENTITY_ASSOCIATIONS = { 'ia-na': 3, 'ia-ta': 4, 'ia-pd': 25 } as const;

/** Status codes (RFC 8415 §21.13). */
export const DHCPV6_SUCCESS = 0;
export const DHCPV6_NO_ADDRESSES = 2;
export const DHCPV6_NO_BINDING = 3;
export const DHCPV6_NOT_ON_LINK = 4;
export const DHCPV6_NO_PREFIX = 6;

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

/** RFC 8415 §21.4, §21.5, §21.21. */
export interface Dhcpv6IdentityAssociation {
  readonly kind: keyof typeof IDENTITY_ASSOCIATIONS;
  /** The client's own, 32 bits. */
  readonly id: number;
  /** Seconds until it is renewed, until it is rebound; 0 for `ia-ta`, which has none. */
  readonly renewAfter: number;
  readonly rebindAfter: number;
  /** No association holds another: such a one is of kind `other`. */
  readonly options: readonly Dhcpv6Option[];
}

/** An option of a message or of an identity association (RFC 8415 §21, RFC 3646); others uninterpreted. */
export type Dhcpv6Option =
  | { readonly kind: 'client-id' | 'server-id'; readonly duid: Uint8Array }
  | Dhcpv6IdentityAssociation
  /** Lifetimes in seconds (RFC 8415 §21.6). */
  | {
      readonly kind: 'ia-address';
      readonly address: Ipv6Address;
      readonly preferred: number;
      readonly valid: number;
      readonly options: readonly Dhcpv6Option[];
    }
  | { readonly kind: 'option-request'; readonly codes: readonly number[] }
  /** Hundredths of a second since the exchange began. */
  | { readonly kind: 'elapsed-time'; readonly hundredths: number }
  | { readonly kind: 'status'; readonly status: number; readonly message: string }
  | { readonly kind: 'rapid-commit' }
  | { readonly kind: 'dns-servers'; readonly servers: readonly Ipv6Address[] }
  | { readonly kind: 'domain-list'; readonly domains: readonly string[] }
  /** Seconds; the last two are the longest pause between questions (RFC 8415 §21.24, §21.25). */
  | {
      readonly kind: 'information-refresh-time' | 'sol-max-rt' | 'inf-max-rt';
      readonly seconds: number;
    }
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
  const options = parseOptions(bytes, { offset: offset + DHCPV6_HEADER_LEN, end, parse: parseMessageOption });
  if (options === undefined) return 'truncated';
  return {
    messageType: names[bytes[offset] - 1],
    transactionId: Dhcpv6View.transactionId(bytes, offset),
    options,
  };
}

/** Bytes that {@link emitDhcpv6} writes. */
export function dhcpv6Length(fields: Dhcpv6Fields): number {
  return DHCPV6_HEADER_LEN + optionsLength(fields.options);
}

/** Writes the message and returns its end. */
export function emitDhcpv6(fields: Dhcpv6Fields, into: Uint8Array, offset: number): number {
  into[offset] = MESSAGE_TYPES[fields.messageType];
  writeU24(into, offset + 1, fields.transactionId);
  return emitOptions(fields.options, into, offset + DHCPV6_HEADER_LEN);
}

/** Options from `offset` to `end`, or undefined when the last one ends behind it. */
function parseOptions(
  bytes: Uint8Array,
  { offset, end, parse }: { offset: number; end: number; parse: typeof parseOption },
): Dhcpv6Option[] | undefined {
  const options: Dhcpv6Option[] = [];
  for (let at = offset; at < end; ) {
    if (end - at < 4) return undefined;
    const optionEnd = at + 4 + readU16(bytes, at + 2);
    if (optionEnd > end) return undefined;
    options.push(parse(readU16(bytes, at), copyBytes(bytes, at + 4, optionEnd)));
    at = optionEnd;
  }
  return options;
}

function optionsLength(options: readonly Dhcpv6Option[]): number {
  return options.reduce((length, option) => length + 4 + encodeData(option).length, 0);
}

function emitOptions(options: readonly Dhcpv6Option[], into: Uint8Array, offset: number): number {
  let at = offset;
  for (const option of options) {
    const data = encodeData(option);
    writeU16(into, at, codeOf(option));
    writeU16(into, at + 2, data.length);
    into.set(data, at + 4);
    at += 4 + data.length;
  }
  return at;
}

/** Those that stand in a message itself; what they hold is read by the two below, so that nothing nests deeper. */
function parseMessageOption(code: number, data: Uint8Array): Dhcpv6Option {
  const other = { kind: 'other' as const, code, data };
  const kinds = Object.keys(IDENTITY_ASSOCIATIONS) as (keyof typeof IDENTITY_ASSOCIATIONS)[];
  const kind = kinds.find((one) => IDENTITY_ASSOCIATIONS[one] === code);
  if (kind === undefined) return parseOption(code, data);
  const offset = kind === 'ia-ta' ? 4 : 12;
  if (data.length < offset) return other;
  const options = parseOptions(data, { offset, end: data.length, parse: parseAssociationOption });
  if (options === undefined) return other;
  const [renewAfter, rebindAfter] = kind === 'ia-ta' ? [0, 0] : [readU32(data, 4), readU32(data, 8)];
  return { kind, id: readU32(data, 0), renewAfter, rebindAfter, options };
}

function parseAssociationOption(code: number, data: Uint8Array): Dhcpv6Option {
  if (code !== OPTION_IA_ADDRESS || data.length < 24) return parseOption(code, data);
  const options = parseOptions(data, { offset: 24, end: data.length, parse: parseOption });
  if (options === undefined) return parseOption(code, data);
  const address = readIpv6Address(data, 0);
  return { kind: 'ia-address', address, preferred: readU32(data, 16), valid: readU32(data, 20), options };
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
    case DHCPV6_OPTION_SOL_MAX_RT:
      return data.length === 4 ? { kind: 'sol-max-rt', seconds: readU32(data, 0) } : other;
    case OPTION_INF_MAX_RT:
      return data.length === 4 ? { kind: 'inf-max-rt', seconds: readU32(data, 0) } : other;
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
    case 'ia-na':
    case 'ia-ta':
    case 'ia-pd':
      return IDENTITY_ASSOCIATIONS[option.kind];
    case 'ia-address':
      return OPTION_IA_ADDRESS;
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
    case 'sol-max-rt':
      return DHCPV6_OPTION_SOL_MAX_RT;
    case 'inf-max-rt':
      return OPTION_INF_MAX_RT;
    case 'other':
      return option.code;
  }
}

function encodeData(option: Dhcpv6Option): Uint8Array {
  switch (option.kind) {
    case 'client-id':
    case 'server-id':
      return option.duid;
    case 'ia-na':
    case 'ia-ta':
    case 'ia-pd':
      return encodeAssociation(option);
    case 'ia-address': {
      const data = new Uint8Array(24 + optionsLength(option.options));
      writeIpv6Address(option.address, data, 0);
      writeU32(data, 16, option.preferred);
      writeU32(data, 20, option.valid);
      emitOptions(option.options, data, 24);
      return data;
    }
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
    case 'information-refresh-time':
    case 'sol-max-rt':
    case 'inf-max-rt': {
      const data = new Uint8Array(4);
      writeU32(data, 0, option.seconds);
      return data;
    }
    case 'other':
      return option.data;
  }
}

function encodeAssociation(association: Dhcpv6IdentityAssociation): Uint8Array {
  const headerLength = association.kind === 'ia-ta' ? 4 : 12;
  const data = new Uint8Array(headerLength + optionsLength(association.options));
  writeU32(data, 0, association.id);
  if (association.kind !== 'ia-ta') {
    writeU32(data, 4, association.renewAfter);
    writeU32(data, 8, association.rebindAfter);
  }
  emitOptions(association.options, data, headerLength);
  return data;
}
