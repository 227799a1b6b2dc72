import { readU32, writeU32 } from '../network-order.ts';
import { formatIpv4Address, parseIpv4Address } from './ipv4.ts';
import type { MacAddress } from './mac.ts';

/**
 * An IPv6 address as its four 32-bit words, most significant first. A value, never changed: masks, comparisons
 * and checksums are word operations, and reading one costs a small object instead of a typed array. Hot paths
 * compare in place ({@link ipv6EqualsAt}); maps are keyed by {@link ipv6Key}.
 */
export interface Ipv6Address {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

/** A prefix. Invariant: bits of `address` beyond `length` are zero. */
export interface Ipv6Cidr {
  readonly address: Ipv6Address;
  readonly length: number;
}

export const IPV6_LEN = 16;
/** ff02::1 */
export const IPV6_ALL_NODES: Ipv6Address = { a: 0xff02_0000, b: 0, c: 0, d: 1 };

export function readIpv6Address(bytes: Uint8Array, offset: number): Ipv6Address {
  return {
    a: readU32(bytes, offset),
    b: readU32(bytes, offset + 4),
    c: readU32(bytes, offset + 8),
    d: readU32(bytes, offset + 12),
  };
}

export function writeIpv6Address(address: Ipv6Address, into: Uint8Array, offset: number): void {
  writeU32(into, offset, address.a);
  writeU32(into, offset + 4, address.b);
  writeU32(into, offset + 8, address.c);
  writeU32(into, offset + 12, address.d);
}

export function ipv6Equals(one: Ipv6Address, other: Ipv6Address): boolean {
  return one.d === other.d && one.c === other.c && one.b === other.b && one.a === other.a;
}

/** Whether the 16 bytes at `offset` are `address`; allocates nothing. */
export function ipv6EqualsAt(bytes: Uint8Array, offset: number, address: Ipv6Address): boolean {
  return (
    readU32(bytes, offset + 12) === address.d &&
    readU32(bytes, offset + 8) === address.c &&
    readU32(bytes, offset + 4) === address.b &&
    readU32(bytes, offset) === address.a
  );
}

/** A key for maps: cheaper than the text form and as unique. */
export function ipv6Key(address: Ipv6Address): string {
  return String.fromCharCode(
    address.a >>> 16,
    address.a & 0xffff,
    address.b >>> 16,
    address.b & 0xffff,
    address.c >>> 16,
    address.c & 0xffff,
    address.d >>> 16,
    address.d & 0xffff,
  );
}

/** Any form of RFC 4291 §2.2, without a zone. */
export function parseIpv6Address(text: string): Ipv6Address | undefined {
  const halves = text.split('::');
  if (halves.length > 2 || text.length > 45) return undefined;
  const head = groupsOf(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? groupsOf(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const word = (index: number): number => ((groups[index] << 16) | groups[index + 1]) >>> 0;
  return { a: word(0), b: word(2), c: word(4), d: word(6) };
}

/** The canonical form of RFC 5952; addresses mapped from IPv4 end in dotted decimal (its §5). */
export function formatIpv6Address(address: Ipv6Address): string {
  const { a, b, c, d } = address;
  if (a === 0 && b === 0 && c === 0xffff) return `::ffff:${formatIpv4Address(d)}`;
  const groups = [a, b, c, d].flatMap((word) => [word >>> 16, word & 0xffff]);
  let [bestStart, bestLength] = [-1, 1];
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > bestLength) [bestStart, bestLength] = [start, length];
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (bestStart < 0) return hex(groups);
  return `${hex(groups.slice(0, bestStart))}::${hex(groups.slice(bestStart + bestLength))}`;
}

/** The address with all bits after the first `length` cleared. */
export function maskIpv6(address: Ipv6Address, length: number): Ipv6Address {
  const mask = (word: number, index: number): number => {
    const bits = Math.min(32, Math.max(0, length - 32 * index));
    return bits === 0 ? 0 : (word & (-1 << (32 - bits))) >>> 0;
  };
  return { a: mask(address.a, 0), b: mask(address.b, 1), c: mask(address.c, 2), d: mask(address.d, 3) };
}

/** `address/length`; host bits are cleared. */
export function parseIpv6Cidr(text: string): Ipv6Cidr | undefined {
  const [before = '', after = '', ...rest] = text.split('/');
  const address = parseIpv6Address(before);
  if (address === undefined || rest.length > 0 || !/^(?:0|[1-9]\d{0,2})$/.test(after)) return undefined;
  const length = Number(after);
  return length > 128 ? undefined : { address: maskIpv6(address, length), length };
}

export function formatIpv6Cidr(cidr: Ipv6Cidr): string {
  return `${formatIpv6Address(cidr.address)}/${cidr.length}`;
}

/** Whether an address is one of the network's. */
export function ipv6InCidr(address: Ipv6Address, cidr: Ipv6Cidr): boolean {
  return ipv6Equals(maskIpv6(address, cidr.length), cidr.address);
}

/** ff02::1:ffXX:XXXX, to which neighbour solicitations for `address` go (RFC 4291 §2.7.1). */
export function solicitedNode(address: Ipv6Address): Ipv6Address {
  return { a: 0xff02_0000, b: 0, c: 1, d: (0xff00_0000 | (address.d & 0xff_ffff)) >>> 0 };
}

/** `prefix`/64 with the modified EUI-64 interface identifier of `mac` (RFC 4291 appendix A). */
export function ipv6FromMac(prefix: Ipv6Address, mac: MacAddress): Ipv6Address {
  const high = Math.floor(mac / 0x100_0000) ^ 0x02_0000;
  const low = mac % 0x100_0000;
  return { a: prefix.a, b: prefix.b, c: ((high << 8) | 0xff) >>> 0, d: (0xfe00_0000 | low) >>> 0 };
}

/** The groups of one side of `::`; only the last may be dotted decimal. */
function groupsOf(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (last && index === parts.length - 1 && part.includes('.')) {
      const address = parseIpv4Address(part);
      if (address === undefined) return undefined;
      groups.push(address >>> 16, address & 0xffff);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}
