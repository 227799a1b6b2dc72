import { listeningPort, portQuestionsPort } from './engine-paths.ts';

/** Where programs on the machine's loopback are reached from the host: the IPv4 dummy address, which is nobody's (RFC 7600 §4.7). */
export const loopbackAlias = '192.0.0.8';

/** At the gateway, for dockerd alone: the host's registry of images, and where it asks for ports of the host. */
const gatewayPorts = [5000, portQuestionsPort];

/**
 * The rules, in the form of iptables-restore(8), that keep containers from the engine's ports, whatever networks they
 * are on: nobody reaches where the programs listen, and the given IPv4 clients are led there from the ports that they know, by
 * the machine's own card alone. The former in `raw`, which Docker never touches and which stands before any translation of
 * addresses. The same clients reach the machine's loopback by
 * {@link loopbackAlias}; nobody reaches it by its own address, whatever `route_localnet` says.
 */
export function firewallRules({
  ports,
  clients,
  card = 'eth0',
}: {
  readonly ports: readonly number[];
  readonly clients: readonly string[];
  /** The machine's own card. @default 'eth0' */
  readonly card?: string;
}): string {
  const accepted = clients.filter((client) => /^\d+(?:\.\d+){3}$/.test(client));
  return [
    '*raw',
    `-A PREROUTING -i ${card} -d 127.0.0.0/8 -j DROP`,
    ...ports.map(shut),
    // No container has a use for these.
    ...accepted.flatMap((client) =>
      gatewayPorts.map((port) => `-A PREROUTING ! -i ${card} -d ${client} -p tcp --dport ${port} -j DROP`),
    ),
    'COMMIT',
    '*nat',
    ...accepted.flatMap((client) =>
      ports.map(
        (port) =>
          `-A PREROUTING -i ${card} -s ${client} -p tcp --dport ${port} -m addrtype --dst-type LOCAL -j REDIRECT --to-ports ${listeningPort(port)}`,
      ),
    ),
    ...accepted.map(
      (client) =>
        `-A PREROUTING -i ${card} -s ${client} -d ${loopbackAlias} -j DNAT --to-destination 127.0.0.1`,
    ),
    'COMMIT',
    // After Docker's own chains, which let published ports through and keep networks apart: the host reaches what it
    // publishes where Docker has published nothing, by an address of IPv6 to a container without one.
    '*filter',
    ...accepted.map((client) => `-A FORWARD -i ${card} -s ${client} -j ACCEPT`),
    'COMMIT',
    '',
  ].join('\n');
}

/** The same for ip6tables-restore(8): nobody reaches these ports by IPv6, the host neither. */
export function firewallRules6(ports: readonly number[]): string {
  return ['*raw', ...ports.map(shut), 'COMMIT', ''].join('\n');
}

/** Before any translation of addresses the host's own connections still have the other port. */
function shut(port: number): string {
  return `-A PREROUTING -p tcp --dport ${listeningPort(port)} -m addrtype --dst-type LOCAL -j DROP`;
}
