import { IpAddress, IpPrefix } from '@orlop/netstack';
import { type Ipv6Address, ipv6FromMac } from '@orlop/wire';
import type { NetworkSettings } from './config.ts';

/** The addresses of a network's own: its gateway's, and the names for the host's. */
export interface NetworkEnds {
  readonly gateways: readonly IpAddress[];
  readonly hosts: readonly IpAddress[];
  /** Of the gateway, by which it advertises itself. */
  readonly linkLocal: Ipv6Address;
  /** All of them, with the length of the network that each is in. */
  readonly prefixes: readonly IpPrefix[];
}

const LINK_LOCAL: Ipv6Address = { a: 0xfe80_0000, b: 0, c: 0, d: 0 };

/** What of the settings are addresses that the gateway answers to. */
export function networkEnds({ gateway, gatewayMac, host, ipv6, subnet }: NetworkSettings): NetworkEnds {
  const linkLocal = ipv6FromMac(LINK_LOCAL, gatewayMac);
  const gateways = compact([gateway, ipv6?.gateway]);
  const hosts = compact([host, ipv6?.host]);
  const prefixes = [...gateways, ...hosts].map(
    (address) => new IpPrefix(address, address.version === 4 ? subnet.length : 64),
  );
  if (ipv6 !== undefined) prefixes.push(new IpPrefix(IpAddress.fromIpv6(linkLocal), 64));
  return { gateways, hosts, linkLocal, prefixes };
}

/** What is there of these. */
export function compact<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value) => value !== undefined);
}
