import { type Ipv6Address, readIpv6Address, writeIpv6Address } from '../address/ipv6.ts';
import { type MacAddress, readMac, writeMac } from '../address/mac.ts';
import { copyBytes } from '../copy-bytes.ts';
import { decodePlainName, encodePlainName } from '../dns/plain-name.ts';
import type { Malformed } from '../malformed.ts';
import { readU32, writeU32 } from '../network-order.ts';

const SOURCE_LINK_LAYER = 1;
const TARGET_LINK_LAYER = 2;
const PREFIX_INFORMATION = 3;
const MTU = 5;
const ROUTE_INFORMATION = 24;
const RECURSIVE_DNS = 25;
const DNS_SEARCH_LIST = 31;

/** An option of neighbour discovery (RFC 4861 §4.6). Lifetimes are in seconds, 0xffffffff is for ever. */
export type NdpOption =
  | { readonly kind: 'source-link-layer' | 'target-link-layer'; readonly mac: MacAddress }
  | {
      readonly kind: 'prefix';
      readonly prefix: Ipv6Address;
      readonly prefixLength: number;
      readonly onLink: boolean;
      readonly autonomous: boolean;
      readonly validLifetime: number;
      readonly preferredLifetime: number;
    }
  | { readonly kind: 'mtu'; readonly mtu: number }
  /** RFC 4191 §2.3; `prefix` whole, with bits beyond its length zero. */
  | {
      readonly kind: 'route';
      readonly prefix: Ipv6Address;
      readonly prefixLength: number;
      readonly preference: 'low' | 'medium' | 'high';
      readonly lifetime: number;
    }
  /** RFC 8106 §5.1. */
  | { readonly kind: 'recursive-dns'; readonly lifetime: number; readonly servers: readonly Ipv6Address[] }
  /** RFC 8106 §5.2. */
  | { readonly kind: 'dns-search'; readonly lifetime: number; readonly domains: readonly string[] }
  /** Any other, or one whose length does not fit its kind: `data` is 8n + 6 bytes. */
  | { readonly kind: 'other'; readonly type: number; readonly data: Uint8Array };

/** The options in `[offset, end)`. */
export function parseNdpOptions(bytes: Uint8Array, offset: number, end: number): NdpOption[] | Malformed {
  const options: NdpOption[] = [];
  for (let at = offset; at < end; ) {
    if (end - at < 8) return 'truncated';
    const length = 8 * bytes[at + 1];
    if (length === 0) return 'bad-option'; // RFC 4861 §4.6: such a packet is discarded
    if (length > end - at) return 'truncated';
    options.push(parseNdpOption(bytes, at, length));
    at += length;
  }
  return options;
}

/** Bytes that {@link emitNdpOptions} writes. */
export function ndpOptionsLength(options: readonly NdpOption[]): number {
  return options.reduce((length, option) => length + ndpOptionLength(option), 0);
}

/** Writes the options and returns their end. */
export function emitNdpOptions(options: readonly NdpOption[], into: Uint8Array, offset: number): number {
  let at = offset;
  for (const option of options) {
    const length = ndpOptionLength(option);
    into.fill(0, at, at + length);
    into[at] = ndpOptionType(option);
    into[at + 1] = length / 8;
    emitBody(option, into, at);
    at += length;
  }
  return at;
}

function parseNdpOption(bytes: Uint8Array, at: number, length: number): NdpOption {
  switch (bytes[at]) {
    case SOURCE_LINK_LAYER:
      if (length === 8) return { kind: 'source-link-layer', mac: readMac(bytes, at + 2) };
      break;
    case TARGET_LINK_LAYER:
      if (length === 8) return { kind: 'target-link-layer', mac: readMac(bytes, at + 2) };
      break;
    case MTU:
      if (length === 8) return { kind: 'mtu', mtu: readU32(bytes, at + 4) };
      break;
    case PREFIX_INFORMATION:
      if (length === 32) return parsePrefix(bytes, at);
      break;
    case ROUTE_INFORMATION:
      if (length === 24 && ((bytes[at + 3] >>> 3) & 3) !== 2) return parseRoute(bytes, at);
      break;
    case RECURSIVE_DNS:
      if (length >= 24 && length % 16 === 8) return parseRecursiveDns(bytes, at, length);
      break;
    case DNS_SEARCH_LIST: {
      const domains = parseDomains(bytes, at + 8, at + length);
      if (domains !== undefined) return { kind: 'dns-search', lifetime: readU32(bytes, at + 4), domains };
      break;
    }
  }
  return { kind: 'other', type: bytes[at], data: copyBytes(bytes, at + 2, at + length) };
}

function parsePrefix(bytes: Uint8Array, at: number): NdpOption {
  return {
    kind: 'prefix',
    prefix: readIpv6Address(bytes, at + 16),
    prefixLength: bytes[at + 2],
    onLink: (bytes[at + 3] & 0x80) !== 0,
    autonomous: (bytes[at + 3] & 0x40) !== 0,
    validLifetime: readU32(bytes, at + 4),
    preferredLifetime: readU32(bytes, at + 8),
  };
}

function parseRoute(bytes: Uint8Array, at: number): NdpOption {
  return {
    kind: 'route',
    prefix: readIpv6Address(bytes, at + 8),
    prefixLength: bytes[at + 2],
    preference: (['medium', 'high', 'medium', 'low'] as const)[(bytes[at + 3] >>> 3) & 3],
    lifetime: readU32(bytes, at + 4),
  };
}

function parseRecursiveDns(bytes: Uint8Array, at: number, length: number): NdpOption {
  const servers: Ipv6Address[] = [];
  for (let server = at + 8; server < at + length; server += 16) servers.push(readIpv6Address(bytes, server));
  return { kind: 'recursive-dns', lifetime: readU32(bytes, at + 4), servers };
}

/** Names one after the other, then zeros; never compressed (RFC 8106 §5.2). */
function parseDomains(bytes: Uint8Array, offset: number, end: number): string[] | undefined {
  const domains: string[] = [];
  for (let at = offset; at < end && bytes[at] !== 0; ) {
    const name = decodePlainName(bytes, at, end);
    if (name === undefined) return undefined;
    domains.push(name.name);
    at = name.end;
  }
  return domains.length === 0 ? undefined : domains;
}

function ndpOptionLength(option: NdpOption): number {
  switch (option.kind) {
    case 'source-link-layer':
    case 'target-link-layer':
    case 'mtu':
      return 8;
    case 'prefix':
      return 32;
    case 'route':
      return 24;
    case 'recursive-dns':
      return 8 + 16 * option.servers.length;
    case 'dns-search':
      return (8 + encodedDomains(option.domains).length + 7) & ~7;
    case 'other':
      return 2 + option.data.length;
  }
}

function ndpOptionType(option: NdpOption): number {
  switch (option.kind) {
    case 'source-link-layer':
      return SOURCE_LINK_LAYER;
    case 'target-link-layer':
      return TARGET_LINK_LAYER;
    case 'prefix':
      return PREFIX_INFORMATION;
    case 'mtu':
      return MTU;
    case 'route':
      return ROUTE_INFORMATION;
    case 'recursive-dns':
      return RECURSIVE_DNS;
    case 'dns-search':
      return DNS_SEARCH_LIST;
    case 'other':
      return option.type;
  }
}

/** What follows type and length; the option's bytes are zero before. */
function emitBody(option: NdpOption, into: Uint8Array, at: number): void {
  switch (option.kind) {
    case 'source-link-layer':
    case 'target-link-layer':
      writeMac(option.mac, into, at + 2);
      break;
    case 'mtu':
      writeU32(into, at + 4, option.mtu);
      break;
    case 'prefix':
      into[at + 2] = option.prefixLength;
      into[at + 3] = (option.onLink ? 0x80 : 0) | (option.autonomous ? 0x40 : 0);
      writeU32(into, at + 4, option.validLifetime);
      writeU32(into, at + 8, option.preferredLifetime);
      writeIpv6Address(option.prefix, into, at + 16);
      break;
    case 'route':
      into[at + 2] = option.prefixLength;
      into[at + 3] = { medium: 0, high: 1, low: 3 }[option.preference] << 3;
      writeU32(into, at + 4, option.lifetime);
      writeIpv6Address(option.prefix, into, at + 8);
      break;
    case 'recursive-dns':
      writeU32(into, at + 4, option.lifetime);
      for (const [index, server] of option.servers.entries()) {
        writeIpv6Address(server, into, at + 8 + 16 * index);
      }
      break;
    case 'dns-search':
      writeU32(into, at + 4, option.lifetime);
      into.set(encodedDomains(option.domains), at + 8);
      break;
    case 'other':
      into.set(option.data, at + 2);
      break;
  }
}

function encodedDomains(domains: readonly string[]): number[] {
  return domains.flatMap((domain) => encodePlainName(domain) ?? []);
}
