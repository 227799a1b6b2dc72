import { IpAddress, type IpPrefix } from '@orlop/netstack';
import { DNS_CLASS_IN } from '@orlop/wire';
import type { LeaseTable } from '../dhcp/leases.ts';
import type { NameSource } from './name-source.ts';
import { addressRecord } from './zone-record.ts';

export interface NetworkNamesOptions {
  readonly leases: LeaseTable;
  readonly domain: string;
  readonly gateways: readonly IpAddress[];
  /** Empty where guests may not reach the host. */
  readonly hosts: readonly IpAddress[];
  readonly extra: ReadonlyMap<string, readonly IpAddress[]>;
  /** The segment's own: nobody else knows what their addresses are called. */
  readonly prefixes: readonly IpPrefix[];
}

/** What Docker Desktop, Lima, Podman and VPNKit call the host and the gateway. */
const HOST_NAMES = [
  'host.docker.internal',
  'host.containers.internal',
  'host.lima.internal',
  'host.internal',
  'vpnkit.host',
];
const GATEWAY_NAMES = [
  'gateway.docker.internal',
  'gateway.containers.internal',
  'gateway.internal',
  'vpnkit.gateway',
  'http.docker.internal', // the HTTP proxy, on port 3128
];

/** Names of guests change when leases do. */
const TTL_SECONDS = 10;

/** The names of the network itself: host, gateway, guests by their leases, and what the configuration adds. */
export function networkNames(options: NetworkNamesOptions): NameSource {
  const { leases, domain, gateways, hosts, extra, prefixes } = options;
  const hostNames = new Set([...HOST_NAMES, `host.${domain}`]);
  const gatewayNames = new Set([...GATEWAY_NAMES, `gateway.${domain}`]);
  const guestAddresses = (name: string): readonly IpAddress[] | undefined => {
    const label = name.endsWith(`.${domain}`) ? name.slice(0, -domain.length - 1) : name;
    const lease = label.includes('.') ? undefined : leases.findByName(label);
    return lease === undefined ? undefined : [lease.address];
  };
  const lookup = (name: string): readonly IpAddress[] | undefined => {
    const given = extra.get(name);
    if (given !== undefined) return given;
    // Without a domain as well: no guest is the network itself by what it calls itself.
    const whole = name.includes('.') ? name : `${name}.${domain}`;
    if (hostNames.has(whole)) return hosts.length > 0 ? hosts : undefined;
    if (gatewayNames.has(whole)) return gateways;
    // RFC 8020: what is said not to be has nothing below it either, and guests are below it.
    return name === domain ? [] : guestAddresses(name);
  };
  const reverse = (address: IpAddress): string | undefined => {
    if (hosts.some((one) => one.equals(address))) return `host.${domain}`;
    if (gateways.some((one) => one.equals(address))) return `gateway.${domain}`;
    const lease = leases.findByAddress(address);
    // Another guest's name leads to that one only, both ways.
    const isNamed = lease !== undefined && lease.hostName !== '';
    return isNamed && leases.findByName(lease.hostName) === lease ? `${lease.hostName}.${domain}` : undefined;
  };
  /** Of names that no other server is to be asked for: ours, whatever they are. */
  const zoneOf = (name: string): string | undefined => {
    if (name === domain || name.endsWith(`.${domain}`)) return domain;
    return hostNames.has(name) || gatewayNames.has(name) ? name.slice(name.indexOf('.') + 1) : undefined;
  };
  return {
    answer: (name) => {
      const head = { name, class: DNS_CLASS_IN, ttl: TTL_SECONDS };
      const reversed = addressOfReverseName(name);
      const target = reversed === undefined ? undefined : reverse(reversed);
      if (target !== undefined)
        return { kind: 'records', records: [{ ...head, kind: 'PTR', target }], zone: name };
      // RFC 6303 §3: a server outside has nothing to say of it, or is not there, and whoever pings a guest waits.
      if (reversed !== undefined && prefixes.some((prefix) => prefix.contains(reversed)))
        return { kind: 'no-such-name', zone: name.slice(name.indexOf('.') + 1) };
      const zone = zoneOf(name);
      const addresses = lookup(name);
      if (addresses === undefined)
        return zone === undefined ? { kind: 'pass' } : { kind: 'no-such-name', zone };
      const records = addresses.map((address) => addressRecord(head, address));
      return { kind: 'records', records, zone: zone ?? name };
    },
  };
}

/** `4.3.2.1.in-addr.arpa` is 1.2.3.4 (RFC 1035 §3.5); the 32 digits of `ip6.arpa` likewise (RFC 3596 §2.5). */
function addressOfReverseName(name: string): IpAddress | undefined {
  const four = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/.exec(name);
  if (four !== null) return IpAddress.parse(`${four[4]}.${four[3]}.${four[2]}.${four[1]}`);
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  const groups = six?.split('.').reverse().join('').match(/.{4}/g);
  return groups === null || groups === undefined ? undefined : IpAddress.parse(groups.join(':'));
}
