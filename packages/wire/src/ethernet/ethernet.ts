import { MAC_LEN, type MacAddress, readMac, writeMac } from '../address/mac.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, writeU16 } from '../network-order.ts';

/** Destination, source, type (IEEE 802.3 §3.1.1); a capture or a virtual link carries no check sequence. */
export const ETHERNET_HEADER_LEN = 14;
/** What an 802.1Q tag adds between source and type. */
export const VLAN_TAG_LEN = 4;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_IPV6 = 0x86dd;

/** An 802.1Q tag. */
export interface VlanTag {
  /** 0 to 4095; 0 means that only the priority counts. */
  readonly id: number;
  /** 0 to 7. */
  readonly priority: number;
  readonly dropEligible: boolean;
}

export interface EthernetFields {
  readonly destination: MacAddress;
  readonly source: MacAddress;
  /** The type of the payload, after the tag if there is one; below 0x600 an 802.3 length. */
  readonly etherType: number;
  readonly vlan?: VlanTag;
}

/** Reads in place. Precondition: {@link checkEthernet} found nothing. */
export const EthernetView = {
  destination: (bytes: Uint8Array, offset: number): MacAddress => readMac(bytes, offset),
  source: (bytes: Uint8Array, offset: number): MacAddress => readMac(bytes, offset + MAC_LEN),
  isTagged: (bytes: Uint8Array, offset: number): boolean => readU16(bytes, offset + 12) === ETHERTYPE_VLAN,
  etherType: (bytes: Uint8Array, offset: number): number => {
    const type = readU16(bytes, offset + 12);
    return type === ETHERTYPE_VLAN ? readU16(bytes, offset + 16) : type;
  },
  vlanId: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 14) & 0xfff,
  headerLength: (bytes: Uint8Array, offset: number): number =>
    readU16(bytes, offset + 12) === ETHERTYPE_VLAN ? ETHERNET_HEADER_LEN + VLAN_TAG_LEN : ETHERNET_HEADER_LEN,
} as const;

/** Whether the view may read the header at `offset`. */
export function checkEthernet(bytes: Uint8Array, offset: number, end: number): Malformed | undefined {
  if (end - offset < ETHERNET_HEADER_LEN) return 'truncated';
  return end - offset < EthernetView.headerLength(bytes, offset) ? 'truncated' : undefined;
}

/** The header with its VLAN tags (IEEE 802.3 §3.2, 802.1Q). */
export function parseEthernet(bytes: Uint8Array, offset: number, end: number): EthernetFields | Malformed {
  const malformed = checkEthernet(bytes, offset, end);
  if (malformed !== undefined) return malformed;
  const addresses = {
    destination: EthernetView.destination(bytes, offset),
    source: EthernetView.source(bytes, offset),
    etherType: EthernetView.etherType(bytes, offset),
  };
  if (!EthernetView.isTagged(bytes, offset)) return addresses;
  const control = readU16(bytes, offset + 14);
  const vlan = { id: control & 0xfff, priority: control >>> 13, dropEligible: (control & 0x1000) !== 0 };
  return { ...addresses, vlan };
}

/** Bytes that {@link emitEthernet} writes. */
export function ethernetLength(fields: EthernetFields): number {
  return ETHERNET_HEADER_LEN + (fields.vlan === undefined ? 0 : VLAN_TAG_LEN);
}

/** Writes the header and returns where the payload begins. */
export function emitEthernet(fields: EthernetFields, into: Uint8Array, offset: number): number {
  writeMac(fields.destination, into, offset);
  writeMac(fields.source, into, offset + MAC_LEN);
  const { vlan } = fields;
  if (vlan === undefined) {
    writeU16(into, offset + 12, fields.etherType);
    return offset + ETHERNET_HEADER_LEN;
  }
  writeU16(into, offset + 12, ETHERTYPE_VLAN);
  writeU16(into, offset + 14, (vlan.priority << 13) | (vlan.dropEligible ? 0x1000 : 0) | vlan.id);
  writeU16(into, offset + 16, fields.etherType);
  return offset + ETHERNET_HEADER_LEN + VLAN_TAG_LEN;
}
