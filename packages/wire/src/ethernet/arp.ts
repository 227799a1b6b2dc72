import type { Ipv4Address } from '../address/ipv4.ts';
import { type MacAddress, readMac, writeMac } from '../address/mac.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, readU32, writeU16, writeU32 } from '../network-order.ts';
import { ETHERTYPE_IPV4 } from './ethernet.ts';

/** ARP for IPv4 over Ethernet (RFC 826). */
export const ARP_HEADER_LEN = 28;

export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

export interface ArpFields {
  /** {@link ARP_REQUEST}, {@link ARP_REPLY}, or another that a receiver ignores. */
  readonly operation: number;
  readonly senderMac: MacAddress;
  readonly senderIp: Ipv4Address;
  readonly targetMac: MacAddress;
  readonly targetIp: Ipv4Address;
}

/** Reads in place. Precondition: {@link checkArp} found nothing. */
export const ArpView = {
  operation: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 6),
  senderMac: (bytes: Uint8Array, offset: number): MacAddress => readMac(bytes, offset + 8),
  senderIp: (bytes: Uint8Array, offset: number): Ipv4Address => readU32(bytes, offset + 14),
  targetMac: (bytes: Uint8Array, offset: number): MacAddress => readMac(bytes, offset + 18),
  targetIp: (bytes: Uint8Array, offset: number): Ipv4Address => readU32(bytes, offset + 24),
} as const;

/** Whether the view may read the message at `offset`: IPv4 over Ethernet and nothing else. */
export function checkArp(bytes: Uint8Array, offset: number, end: number): Malformed | undefined {
  if (end - offset < ARP_HEADER_LEN) return 'truncated';
  if (readU16(bytes, offset) !== 1 || readU16(bytes, offset + 2) !== ETHERTYPE_IPV4) return 'bad-version';
  return readU16(bytes, offset + 4) === 0x0604 ? undefined : 'bad-length';
}

/** For IPv4 over Ethernet (RFC 826). */
export function parseArp(bytes: Uint8Array, offset: number, end: number): ArpFields | Malformed {
  return (
    checkArp(bytes, offset, end) ?? {
      operation: ArpView.operation(bytes, offset),
      senderMac: ArpView.senderMac(bytes, offset),
      senderIp: ArpView.senderIp(bytes, offset),
      targetMac: ArpView.targetMac(bytes, offset),
      targetIp: ArpView.targetIp(bytes, offset),
    }
  );
}

/** Writes the message and returns its end. */
export function emitArp(fields: ArpFields, into: Uint8Array, offset: number): number {
  writeU16(into, offset, 1);
  writeU16(into, offset + 2, ETHERTYPE_IPV4);
  writeU16(into, offset + 4, 0x0604);
  writeU16(into, offset + 6, fields.operation);
  writeMac(fields.senderMac, into, offset + 8);
  writeU32(into, offset + 14, fields.senderIp);
  writeMac(fields.targetMac, into, offset + 18);
  writeU32(into, offset + 24, fields.targetIp);
  return offset + ARP_HEADER_LEN;
}
