import { readU16, readU32, writeU16, writeU32 } from '../network-order.ts';

/**
 * An Ethernet address as an integer, 0 <= address < 2^48: compared with `===`, usable as a `Map` key, and no
 * allocation to read one.
 */
export type MacAddress = number;

export const MAC_LEN = 6;
export const MAC_BROADCAST: MacAddress = 0xffff_ffff_ffff;
export const MAC_ZERO: MacAddress = 0;

const TWO_32 = 0x1_0000_0000;

export function readMac(bytes: Uint8Array, offset: number): MacAddress {
  return readU16(bytes, offset) * TWO_32 + readU32(bytes, offset + 2);
}

export function writeMac(address: MacAddress, into: Uint8Array, offset: number): void {
  writeU16(into, offset, Math.floor(address / TWO_32));
  writeU32(into, offset + 2, address >>> 0);
}

/** `aa:bb:cc:dd:ee:ff` or with dashes, in either case. */
export function parseMac(text: string): MacAddress | undefined {
  if (!/^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$/i.test(text)) return undefined;
  return Number.parseInt(text.replace(/[:-]/g, ''), 16);
}

/** `02:00:5e:10:00:01`. */
export function formatMac(address: MacAddress): string {
  const digits = address.toString(16).padStart(12, '0');
  return digits.replace(/(..)(?=.)/g, '$1:');
}

/** True of multicast and broadcast: the group bit is the lowest of the first octet (IEEE 802-2014 §8.2). */
export function isGroupMac(address: MacAddress): boolean {
  return (Math.floor(address / 0x100_0000_0000) & 1) === 1;
}

/** 01:00:5e and the group's low 23 bits (RFC 1112 §6.4). */
export function macOfIpv4Group(group: number): MacAddress {
  return 0x0100_5e00_0000 + (group & 0x7f_ffff);
}

/** 33:33 and the group's low 32 bits (RFC 2464 §7). */
export function macOfIpv6Group(group: { readonly d: number }): MacAddress {
  return 0x3333 * TWO_32 + group.d;
}
