import type { IpAddress } from '@orlop/netstack';
import type { LeaseTable } from '../dhcp/leases.ts';
import type { LocalNames } from './local-names.ts';

export interface NetworkNamesOptions {
  readonly leases: LeaseTable;
  readonly domain: string;
  readonly gateways: readonly IpAddress[];
  /** Empty where guests may not reach the host. */
  readonly hosts: readonly IpAddress[];
  readonly extra: ReadonlyMap<string, readonly IpAddress[]>;
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

/** The names of the network itself: host, gateway, guests by their leases, and what the configuration adds. */
export function networkNames(options: NetworkNamesOptions): LocalNames {
  const { leases, domain, gateways, hosts, extra } = options;
  const hostNames = new Set([...HOST_NAMES, `host.${domain}`]);
  const gatewayNames = new Set([...GATEWAY_NAMES, `gateway.${domain}`]);
  const guestAddresses = (name: string): readonly IpAddress[] | undefined => {
    const label = name.endsWith(`.${domain}`) ? name.slice(0, -domain.length - 1) : name;
    const lease = label.includes('.') ? undefined : leases.findByName(label);
    return lease === undefined ? undefined : [lease.address];
  };
  return {
    lookup: (name) => {
      const given = extra.get(name);
      if (given !== undefined) return given;
      if (hostNames.has(name)) return hosts.length > 0 ? hosts : undefined;
      if (gatewayNames.has(name)) return gateways;
      // RFC 8020: what is said not to be has nothing below it either, and guests are below it.
      return name === domain ? [] : guestAddresses(name);
    },
    reverse: (text) => {
      if (hosts.some((address) => address.toString() === text)) return `host.${domain}`;
      if (gateways.some((address) => address.toString() === text)) return `gateway.${domain}`;
      for (const lease of leases.list()) {
        if (lease.hostName !== '' && lease.address.toString() === text) return `${lease.hostName}.${domain}`;
      }
      return undefined;
    },
    zoneOf: (name) => {
      if (name === domain || name.endsWith(`.${domain}`)) return domain;
      return hostNames.has(name) || gatewayNames.has(name) ? name.slice(name.indexOf('.') + 1) : undefined;
    },
  };
}
