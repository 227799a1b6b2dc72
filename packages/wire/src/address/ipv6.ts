import { readU32, writeU32 } from '../network-order.ts';
import { formatIpv4Address, parseIpv4Address } from './ipv4.ts';
import type { MacAddress } from './mac.ts';

/**
 * An IPv6 address as its four 32-bit words, most significant first. A value, never changed: comparisons and checksums
 * are word operations, and reading one costs a small object instead of a typed array.
 */
export interface Ipv6Address {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

export const IPV6_LEN = 16;

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
