import {
  ICMP_ADMINISTRATIVELY_PROHIBITED,
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_PORT_UNREACHABLE,
  ICMP_TIME_EXCEEDED,
  ICMPV6_DESTINATION_UNREACHABLE,
  ICMPV6_PACKET_TOO_BIG,
  ICMPV6_PORT_UNREACHABLE,
  ICMPV6_PROHIBITED,
  ICMPV6_TIME_EXCEEDED,
  Ipv4View,
  Ipv6ExtensionsView,
  Ipv6View,
  parseQuotedIpv4,
  parseQuotedIpv6,
} from '@orlop/wire';
import { IpAddress } from '../ip/address.ts';
import type { IcmpErrorKind, QuotedPacket } from '../ip/packet.ts';

/** What an ICMP error of this type and code means to who sent the quoted packet; undefined = nothing. */
export function errorKind(version: 4 | 6, type: number, code: number): IcmpErrorKind | undefined {
  return version === 4 ? errorKind4(type, code) : errorKind6(type, code);
}

function errorKind4(type: number, code: number): IcmpErrorKind | undefined {
  if (type === ICMP_TIME_EXCEEDED) return 'time-exceeded';
  if (type !== ICMP_DESTINATION_UNREACHABLE) return undefined;
  if (code === ICMP_PORT_UNREACHABLE) return 'port-unreachable';
  if (code === ICMP_FRAGMENTATION_NEEDED) return 'too-big';
  // RFC 1812 §5.2.7.1: 9, 10 and 13 are prohibitions.
  return code === 9 || code === 10 || code === ICMP_ADMINISTRATIVELY_PROHIBITED
    ? 'prohibited'
    : 'unreachable';
}

function errorKind6(type: number, code: number): IcmpErrorKind | undefined {
  if (type === ICMPV6_TIME_EXCEEDED) return 'time-exceeded';
  if (type === ICMPV6_PACKET_TOO_BIG) return 'too-big';
  if (type !== ICMPV6_DESTINATION_UNREACHABLE) return undefined;
  if (code === ICMPV6_PORT_UNREACHABLE) return 'port-unreachable';
  return code === ICMPV6_PROHIBITED ? 'prohibited' : 'unreachable';
}

/** Reads the packet that an error quotes at `offset`; undefined when it is no packet. */
export function readQuote(
  version: 4 | 6,
  bytes: Uint8Array,
  offset: number,
  end: number,
): QuotedPacket | undefined {
  if (version === 4) {
    const header = parseQuotedIpv4(bytes, offset, end);
    if (typeof header === 'string' || header.fragmentOffset !== 0) return undefined;
    return {
      protocol: header.protocol,
      local: IpAddress.v4(header.source),
      remote: IpAddress.v4(header.destination),
      bytes,
      offset: offset + Ipv4View.headerLength(bytes, offset),
      end,
    };
  }
  if (typeof parseQuotedIpv6(bytes, offset, end) === 'string') return undefined;
  const chain = new Ipv6ExtensionsView();
  const of = { nextHeader: Ipv6View.nextHeader(bytes, offset), end };
  if (chain.read(bytes, offset + 40, of) !== undefined || chain.fragmentOffset !== 0) return undefined;
  return {
    protocol: chain.protocol,
    local: IpAddress.read(6, bytes, offset + 8),
    remote: IpAddress.read(6, bytes, offset + 24),
    bytes,
    offset: chain.payloadOffset,
    end,
  };
}
