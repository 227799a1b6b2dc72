export * from './address/ipv4.ts';
export * from './address/ipv6.ts';
export * from './address/mac.ts';
export * from './capture/capture.ts';
export * from './capture/pcap.ts';
export * from './capture/pcapng.ts';
export * from './capture/pcapng-options.ts';
export * from './checksum.ts';
export { copyInto } from './copy-bytes.ts';
export * from './dhcp/dhcpv4.ts';
export type { Dhcpv4Options } from './dhcp/dhcpv4-options.ts';
export * from './dhcp/dhcpv6.ts';
export * from './dns/emit.ts';
export * from './dns/parse.ts';
export * from './dns/plain-name.ts';
export * from './dns/types.ts';
export * from './ethernet/arp.ts';
export * from './ethernet/ethernet.ts';
export * from './icmp/icmp.ts';
export * from './icmp/icmpv6.ts';
export type { MldRecord, MldV2Query } from './icmp/mld.ts';
export {
  ICMPV6_NEIGHBOR_ADVERTISEMENT,
  ICMPV6_NEIGHBOR_SOLICITATION,
  ICMPV6_REDIRECT,
  ICMPV6_ROUTER_ADVERTISEMENT,
  ICMPV6_ROUTER_SOLICITATION,
  type NdpFields,
  type RouterAdvertisementFields,
} from './icmp/ndp.ts';
export type { NdpOption } from './icmp/ndp-options.ts';
export * from './ip/ipv4.ts';
export * from './ip/ipv6.ts';
export * from './ip/ipv6-extensions.ts';
export * from './ip/protocol.ts';
export * from './malformed.ts';
export * from './network-order.ts';
export * from './print/dhcp.ts';
export * from './print/dns.ts';
export * from './print/frame.ts';
export * from './print/icmp.ts';
export { formatNtp, formatTcp } from './print/transport.ts';
export * from './time/ntp.ts';
export * from './transport/tcp.ts';
export * from './transport/tcp-options.ts';
export * from './transport/udp.ts';
