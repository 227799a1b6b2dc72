import { pseudoSumAt } from '../checksum.ts';
import { DHCPV4_SERVER_PORT, emitDhcpv4, parseDhcpv4 } from '../dhcp/dhcpv4.ts';
import { DHCPV6_SERVER_PORT, emitDhcpv6, parseDhcpv6 } from '../dhcp/dhcpv6.ts';
import { emitDns } from '../dns/emit.ts';
import { DNS_PORT, parseDns } from '../dns/parse.ts';
import { emitArp, parseArp } from '../ethernet/arp.ts';
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  EthernetView,
  emitEthernet,
  parseEthernet,
} from '../ethernet/ethernet.ts';
import { emitIcmp, parseIcmp, sealIcmp } from '../icmp/icmp.ts';
import { emitIcmpv6, parseIcmpv6, sealIcmpv6 } from '../icmp/icmpv6.ts';
import { emitIpv4, IPV4_ADDRESSES_OFFSET, Ipv4View, parseIpv4 } from '../ip/ipv4.ts';
import { emitIpv6, IPV6_ADDRESSES_OFFSET, IPV6_HEADER_LEN, Ipv6View, parseIpv6 } from '../ip/ipv6.ts';
import { emitIpv6Extensions, Ipv6ExtensionsView, parseIpv6Extensions } from '../ip/ipv6-extensions.ts';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP } from '../ip/protocol.ts';
import type { Malformed } from '../malformed.ts';
import { emitTcp, parseTcp, sealTcp, tcpHeaderLength } from '../transport/tcp.ts';
import { emitUdp, parseUdp, sealUdp, UDP_HEADER_LEN, UdpView } from '../transport/udp.ts';

/** A frame built again from its records, and the names of the formats that were read. */
export interface Replay {
  readonly frame: Uint8Array;
  readonly formats: readonly string[];
}

/**
 * Takes a frame apart into records and emits them into a new frame. Only bytes that no format here claims are
 * copied: data of echoes and segments, quotes, later fragments, padding. Checksums are computed anew.
 */
export function replayFrame(frame: Uint8Array): Replay {
  const replayer = new Replayer(frame);
  replayer.ethernet();
  return { frame: replayer.into, formats: replayer.formats };
}

interface Upper {
  readonly offset: number;
  readonly end: number;
  readonly protocol: number;
  readonly pseudoSum: number;
}

class Replayer {
  readonly into: Uint8Array;
  readonly formats: string[] = [];
  readonly #from: Uint8Array;

  constructor(from: Uint8Array) {
    this.#from = from;
    this.into = new Uint8Array(from.length);
  }

  ethernet(): void {
    const from = this.#from;
    const fields = this.#read('Ethernet', parseEthernet(from, 0, from.length));
    const at = emitEthernet(fields, this.into, 0);
    if (fields.vlan !== undefined) this.formats.push('802.1Q');
    const type = EthernetView.etherType(from, 0);
    if (type === ETHERTYPE_ARP) this.#copy(this.#arp(at), from.length);
    else if (type === ETHERTYPE_IPV4) this.#copy(this.#ipv4(at), from.length);
    else if (type === ETHERTYPE_IPV6) this.#copy(this.#ipv6(at), from.length);
    else throw new Error(`ethertype ${type} is in no format here`);
  }

  #arp(offset: number): number {
    const arp = this.#read('ARP', parseArp(this.#from, offset, this.#from.length));
    return emitArp(arp, this.into, offset);
  }

  #ipv4(offset: number): number {
    const from = this.#from;
    const fields = this.#read('IPv4', parseIpv4(from, offset, from.length));
    if (fields.options !== undefined) this.formats.push('IPv4 options');
    const at = emitIpv4(fields, this.into, offset);
    const end = at + fields.payloadLength;
    if (Ipv4View.isFragment(from, offset)) {
      this.formats.push('IPv4 fragment');
      this.#copy(at, end);
      return end;
    }
    const of = { addressLength: 4, protocol: fields.protocol, length: end - at } as const;
    const pseudoSum = pseudoSumAt(from, offset + IPV4_ADDRESSES_OFFSET, of);
    this.#upper({ offset: at, end, protocol: fields.protocol, pseudoSum });
    return end;
  }

  #ipv6(offset: number): number {
    const from = this.#from;
    const fields = this.#read('IPv6', parseIpv6(from, offset, from.length));
    const first = emitIpv6(fields, this.into, offset);
    const end = offset + IPV6_HEADER_LEN + Ipv6View.payloadLength(from, offset);
    const of = { nextHeader: fields.nextHeader, end };
    const chain = this.#read('IPv6 extensions', parseIpv6Extensions(from, first, of));
    for (const extension of chain.extensions) this.formats.push(`IPv6 ${extension.kind}`);
    const at = emitIpv6Extensions(chain, this.into, first);
    const view = new Ipv6ExtensionsView();
    view.read(from, first, of);
    if (view.isFragment) this.#copy(at, end);
    else {
      const upper = { addressLength: 16, protocol: chain.protocol, length: end - at } as const;
      const pseudoSum = pseudoSumAt(from, offset + IPV6_ADDRESSES_OFFSET, upper);
      this.#upper({ offset: at, end, protocol: chain.protocol, pseudoSum });
    }
    return end;
  }

  #upper(upper: Upper): void {
    const { offset, end, protocol, pseudoSum } = upper;
    const from = this.#from;
    if (protocol === PROTOCOL_TCP) {
      const fields = this.#read('TCP', parseTcp(from, offset, end));
      for (const option of Object.keys(fields.options)) this.formats.push(`TCP ${option}`);
      this.#copy(emitTcp(fields, this.into, offset), end);
      if (offset + tcpHeaderLength(fields) > end) throw new Error('TCP options grew');
      sealTcp(this.into, offset, end, pseudoSum);
    } else if (protocol === PROTOCOL_UDP) this.#udp(upper);
    else if (protocol === PROTOCOL_ICMP) {
      const fields = this.#read('ICMP', parseIcmp(from, offset, end));
      this.formats.push(`ICMP ${fields.kind}`);
      this.#copy(emitIcmp(fields, this.into, offset), end);
      sealIcmp(this.into, offset, end);
    } else if (protocol === PROTOCOL_ICMPV6) {
      const fields = this.#read('ICMPv6', parseIcmpv6(from, offset, end));
      this.formats.push(`ICMPv6 ${fields.kind}`);
      if ('options' in fields) for (const option of fields.options) this.formats.push(`NDP ${option.kind}`);
      this.#copy(emitIcmpv6(fields, this.into, offset), end);
      sealIcmpv6(this.into, offset, end, pseudoSum);
    } else throw new Error(`protocol ${protocol} is in no format here`);
  }

  #udp({ offset, end, pseudoSum }: Upper): void {
    const fields = this.#read('UDP', parseUdp(this.#from, offset, end));
    const at = emitUdp(fields, this.into, offset);
    const ports = [fields.sourcePort, fields.destinationPort];
    if (ports.includes(DNS_PORT)) {
      const dns = this.#read('DNS', parseDns(this.#from, at, end));
      for (const record of [...dns.answers, ...dns.authorities]) this.formats.push(`DNS ${record.kind}`);
      if (dns.edns !== undefined) this.formats.push('DNS EDNS0');
      emitDns(dns, this.into.subarray(0, end), at);
    } else if (ports.includes(DHCPV4_SERVER_PORT)) {
      const dhcp = this.#read('DHCPv4', parseDhcpv4(this.#from, at, end));
      this.formats.push(`DHCPv4 ${dhcp.messageType}`);
      emitDhcpv4(dhcp, this.into, at);
    } else if (ports.includes(DHCPV6_SERVER_PORT)) {
      const dhcp = this.#read('DHCPv6', parseDhcpv6(this.#from, at, end));
      this.formats.push(`DHCPv6 ${dhcp.messageType}`);
      emitDhcpv6(dhcp, this.into, at);
    } else this.#copy(offset + UDP_HEADER_LEN, end);
    if (UdpView.checksum(this.#from, offset) !== 0) sealUdp(this.into, offset, end, pseudoSum);
  }

  #read<Fields>(format: string, parsed: Fields | Malformed): Fields {
    if (typeof parsed === 'string') throw new Error(`${format}: ${parsed}`);
    this.formats.push(format);
    return parsed;
  }

  #copy(offset: number, end: number): void {
    this.into.set(this.#from.subarray(offset, end), offset);
  }
}
