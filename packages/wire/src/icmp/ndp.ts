import { type Ipv6Address, readIpv6Address, writeIpv6Address } from '../address/ipv6.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, readU32, writeU32 } from '../network-order.ts';
import { emitNdpOptions, type NdpOption, ndpOptionsLength, parseNdpOptions } from './ndp-options.ts';

export const ICMPV6_ROUTER_SOLICITATION = 133;
export const ICMPV6_ROUTER_ADVERTISEMENT = 134;
export const ICMPV6_NEIGHBOR_SOLICITATION = 135;
export const ICMPV6_NEIGHBOR_ADVERTISEMENT = 136;
export const ICMPV6_REDIRECT = 137;

/** The messages of neighbour discovery (RFC 4861 §4). */
export type NdpFields =
  | { readonly kind: 'router-solicitation'; readonly options: readonly NdpOption[] }
  | RouterAdvertisementFields
  | {
      readonly kind: 'neighbor-solicitation';
      readonly target: Ipv6Address;
      readonly options: readonly NdpOption[];
    }
  | {
      readonly kind: 'neighbor-advertisement';
      readonly target: Ipv6Address;
      readonly router: boolean;
      readonly solicited: boolean;
      readonly override: boolean;
      readonly options: readonly NdpOption[];
    }
  | {
      readonly kind: 'redirect';
      readonly target: Ipv6Address;
      readonly destination: Ipv6Address;
      readonly options: readonly NdpOption[];
    };

/** RFC 4861 §4.2. */
export interface RouterAdvertisementFields {
  readonly kind: 'router-advertisement';
  readonly hopLimit: number;
  /** Addresses by DHCPv6. */
  readonly managed: boolean;
  /** Other configuration by DHCPv6. */
  readonly otherConfiguration: boolean;
  /** RFC 4191 §2.2. */
  readonly preference: 'low' | 'medium' | 'high';
  /** Seconds; 0 means that the sender is no default router. */
  readonly lifetime: number;
  readonly reachableTimeMs: number;
  readonly retransmitTimerMs: number;
  readonly options: readonly NdpOption[];
}

/** A message of one of these types that has its first eight bytes. */
export function parseNdp(bytes: Uint8Array, offset: number, end: number): NdpFields | Malformed {
  const type = bytes[offset];
  const fixed = fixedLength(type);
  if (end - offset < fixed) return 'truncated';
  if (bytes[offset + 1] !== 0) return 'bad-value'; // RFC 4861 §6.1, §7.1, §8.1: code 0, or it is discarded
  const options = parseNdpOptions(bytes, offset + fixed, end);
  if (typeof options === 'string') return options;
  if (type === ICMPV6_ROUTER_SOLICITATION) return { kind: 'router-solicitation', options };
  if (type === ICMPV6_ROUTER_ADVERTISEMENT) return readRouterAdvertisement(bytes, offset, options);
  const target = readIpv6Address(bytes, offset + 8);
  if (type === ICMPV6_NEIGHBOR_SOLICITATION) return { kind: 'neighbor-solicitation', target, options };
  if (type === ICMPV6_REDIRECT) {
    return { kind: 'redirect', target, destination: readIpv6Address(bytes, offset + 24), options };
  }
  const flags = bytes[offset + 4];
  return {
    kind: 'neighbor-advertisement',
    target,
    router: (flags & 0x80) !== 0,
    solicited: (flags & 0x40) !== 0,
    override: (flags & 0x20) !== 0,
    options,
  };
}

/** What stands before the options. */
function fixedLength(type: number): number {
  if (type === ICMPV6_ROUTER_SOLICITATION) return 8;
  if (type === ICMPV6_ROUTER_ADVERTISEMENT) return 16;
  return type === ICMPV6_REDIRECT ? 40 : 24;
}

function readRouterAdvertisement(
  bytes: Uint8Array,
  offset: number,
  options: readonly NdpOption[],
): RouterAdvertisementFields {
  const flags = bytes[offset + 5];
  return {
    kind: 'router-advertisement',
    hopLimit: bytes[offset + 4],
    managed: (flags & 0x80) !== 0,
    otherConfiguration: (flags & 0x40) !== 0,
    // 10 is reserved and read as medium (RFC 4191 §2.2).
    preference: (['medium', 'high', 'medium', 'low'] as const)[(flags >>> 3) & 3],
    lifetime: readU16(bytes, offset + 6),
    reachableTimeMs: readU32(bytes, offset + 8),
    retransmitTimerMs: readU32(bytes, offset + 12),
    options,
  };
}

/** Bytes of the whole message. */
export function ndpLength(fields: NdpFields): number {
  return fixedLength(TYPES[fields.kind]) + ndpOptionsLength(fields.options);
}

/** What advertisements have in the four bytes after the checksum. */
export function ndpFlags(
  fields: Extract<NdpFields, { readonly kind: 'router-advertisement' | 'neighbor-advertisement' }>,
): number {
  if (fields.kind === 'neighbor-advertisement') {
    const flags = (fields.router ? 0x80 : 0) | (fields.solicited ? 0x40 : 0) | (fields.override ? 0x20 : 0);
    return (flags << 24) >>> 0;
  }
  const preference = { medium: 0, high: 1, low: 3 }[fields.preference] << 3;
  const flags = (fields.managed ? 0x80 : 0) | (fields.otherConfiguration ? 0x40 : 0) | preference;
  return ((fields.hopLimit << 24) | (flags << 16) | fields.lifetime) >>> 0;
}

/** Writes what follows the first eight bytes, and returns its end. */
export function emitNdpBody(fields: NdpFields, into: Uint8Array, offset: number): number {
  switch (fields.kind) {
    case 'router-solicitation':
      return emitNdpOptions(fields.options, into, offset);
    case 'router-advertisement':
      writeU32(into, offset, fields.reachableTimeMs);
      writeU32(into, offset + 4, fields.retransmitTimerMs);
      return emitNdpOptions(fields.options, into, offset + 8);
    case 'neighbor-solicitation':
    case 'neighbor-advertisement':
      writeIpv6Address(fields.target, into, offset);
      return emitNdpOptions(fields.options, into, offset + 16);
    case 'redirect':
      writeIpv6Address(fields.target, into, offset);
      writeIpv6Address(fields.destination, into, offset + 16);
      return emitNdpOptions(fields.options, into, offset + 32);
  }
}

const TYPES = {
  'router-solicitation': ICMPV6_ROUTER_SOLICITATION,
  'router-advertisement': ICMPV6_ROUTER_ADVERTISEMENT,
  'neighbor-solicitation': ICMPV6_NEIGHBOR_SOLICITATION,
  'neighbor-advertisement': ICMPV6_NEIGHBOR_ADVERTISEMENT,
  redirect: ICMPV6_REDIRECT,
} as const satisfies Record<NdpFields['kind'], number>;
