import { formatIpv4Address } from '../address/ipv4.ts';
import { formatIpv6Address } from '../address/ipv6.ts';
import { formatMac } from '../address/mac.ts';
import { ARP_HEADER_LEN, ARP_REPLY, ARP_REQUEST, type ArpFields, parseArp } from '../ethernet/arp.ts';
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ethernetLength,
  parseEthernet,
} from '../ethernet/ethernet.ts';
import { parseIcmp } from '../icmp/icmp.ts';
import { parseIcmpv6 } from '../icmp/icmpv6.ts';
import { Ipv4View, parseIpv4 } from '../ip/ipv4.ts';
import { IPV6_HEADER_LEN, parseIpv6 } from '../ip/ipv6.ts';
import { Ipv6ExtensionsView } from '../ip/ipv6-extensions.ts';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP } from '../ip/protocol.ts';
import { formatIcmp, formatIcmpv6 } from './icmp.ts';
import { formatTcpSegment, formatUdpDatagram, type PrintedAddresses } from './transport.ts';

/**
 * An Ethernet frame in one line, in the manner of `tcpdump -nS -t`. Malformed frames are printed with the
 * reason; nothing in a frame can put control characters into the line.
 */
export function formatFrame(bytes: Uint8Array, offset: number, end: number): string {
  const ethernet = parseEthernet(bytes, offset, end);
  if (typeof ethernet === 'string') return `Ethernet, ${ethernet}`;
  const tag = ethernet.vlan === undefined ? '' : `vlan ${ethernet.vlan.id}, p ${ethernet.vlan.priority}, `;
  const at = offset + ethernetLength(ethernet);
  switch (ethernet.etherType) {
    case ETHERTYPE_ARP: {
      const arp = parseArp(bytes, at, end);
      return `${tag}ARP, ${typeof arp === 'string' ? arp : formatArp(arp, end - at)}`;
    }
    case ETHERTYPE_IPV4:
      return tag + formatIpv4(bytes, at, end);
    case ETHERTYPE_IPV6:
      return tag + formatIpv6(bytes, at, end);
    default: {
      const type = `0x${ethernet.etherType.toString(16).padStart(4, '0')}`;
      const addresses = `${formatMac(ethernet.source)} > ${formatMac(ethernet.destination)}`;
      return `${tag}${addresses}, ethertype ${type}, length ${end - at}`;
    }
  }
}

/** An ARP message; `length` counts an Ethernet frame's padding. */
export function formatArp(fields: ArpFields, length = ARP_HEADER_LEN): string {
  const sender = formatIpv4Address(fields.senderIp);
  const target = formatIpv4Address(fields.targetIp);
  if (fields.operation === ARP_REQUEST) return `Request who-has ${target} tell ${sender}, length ${length}`;
  if (fields.operation === ARP_REPLY)
    return `Reply ${sender} is-at ${formatMac(fields.senderMac)}, length ${length}`;
  return `operation ${fields.operation}, length ${length}`;
}

/** An IPv4 datagram. */
export function formatIpv4(bytes: Uint8Array, offset: number, end: number): string {
  const ip = parseIpv4(bytes, offset, end);
  if (typeof ip === 'string') return `IP, ${ip}`;
  const addresses = {
    source: formatIpv4Address(ip.source),
    destination: formatIpv4Address(ip.destination),
  };
  const at = offset + Ipv4View.headerLength(bytes, offset);
  if (ip.fragmentOffset > 0) return `IP ${between(addresses)}: ${protocolName(ip.protocol)}`;
  return `IP ${formatUpper(bytes, at, { ...addresses, protocol: ip.protocol, end: at + ip.payloadLength })}`;
}

/** An IPv6 packet. */
export function formatIpv6(bytes: Uint8Array, offset: number, end: number): string {
  const ip = parseIpv6(bytes, offset, end);
  if (typeof ip === 'string') return `IP6, ${ip}`;
  const addresses = {
    source: formatIpv6Address(ip.source),
    destination: formatIpv6Address(ip.destination),
  };
  const at = offset + IPV6_HEADER_LEN;
  const extensions = new Ipv6ExtensionsView();
  const malformed = extensions.read(bytes, at, { nextHeader: ip.nextHeader, end: at + ip.payloadLength });
  if (malformed !== undefined) return `IP6 ${between(addresses)}: ${malformed}`;
  if (extensions.isFragment) {
    const range = `${extensions.fragmentOffset}|${at + ip.payloadLength - extensions.payloadOffset}`;
    return `IP6 ${between(addresses)}: frag (${range})`;
  }
  const upper = { ...addresses, protocol: extensions.protocol, end: at + ip.payloadLength };
  return `IP6 ${formatUpper(bytes, extensions.payloadOffset, upper)}`;
}

function formatUpper(
  bytes: Uint8Array,
  offset: number,
  of: PrintedAddresses & { readonly protocol: number; readonly end: number },
): string {
  const length = of.end - offset;
  switch (of.protocol) {
    case PROTOCOL_TCP:
      return formatTcpSegment(bytes, offset, of);
    case PROTOCOL_UDP:
      return formatUdpDatagram(bytes, offset, of);
    case PROTOCOL_ICMP: {
      const icmp = parseIcmp(bytes, offset, of.end);
      return `${between(of)}: ${typeof icmp === 'string' ? `ICMP, ${icmp}` : formatIcmp(icmp, length)}`;
    }
    case PROTOCOL_ICMPV6: {
      const icmp = parseIcmpv6(bytes, offset, of.end);
      return `${between(of)}: ${typeof icmp === 'string' ? `ICMP6, ${icmp}` : formatIcmpv6(icmp, length)}`;
    }
    default:
      return `${between(of)}: ${protocolName(of.protocol)} ${length}`;
  }
}

function between(addresses: PrintedAddresses): string {
  return `${addresses.source} > ${addresses.destination}`;
}

function protocolName(protocol: number): string {
  const names: Record<number, string> = {
    [PROTOCOL_ICMP]: 'icmp',
    [PROTOCOL_TCP]: 'tcp',
    [PROTOCOL_UDP]: 'udp',
    [PROTOCOL_ICMPV6]: 'icmp6',
  };
  return names[protocol] ?? `ip-proto-${protocol}`;
}
