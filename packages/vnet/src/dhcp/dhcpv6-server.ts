import type { UdpDatagram, UdpService, UdpSocket } from '@orlop/netstack';
import {
  DHCPV6_SERVER_PORT,
  type Dhcpv6Fields,
  type Dhcpv6Option,
  dhcpv6Length,
  emitDhcpv6,
  type Ipv6Address,
  parseDhcpv6,
} from '@orlop/wire';

export interface Dhcpv6ServerOptions {
  readonly udp: UdpService;
  readonly mac: Uint8Array;
  readonly dnsServers: readonly Ipv6Address[];
  readonly searchDomains: readonly string[];
}

/** DUID-LL of an Ethernet address (RFC 8415 §11.4). */
const DUID_LINK_LAYER = [0, 3, 0, 1];

/** Stateless DHCPv6 (RFC 8415 §18.3.6): answers information-requests; addresses come from advertisements. */
export class Dhcpv6Server {
  readonly counters = { answered: 0, ignored: 0 };
  readonly #socket: UdpSocket;
  readonly #options: Dhcpv6ServerOptions;

  constructor(options: Dhcpv6ServerOptions) {
    this.#options = options;
    this.#socket = options.udp.bind(
      { port: DHCPV6_SERVER_PORT },
      { onDatagram: (datagram) => this.#receive(datagram) },
    );
  }

  close(): void {
    this.#socket.close();
  }

  #receive({ bytes, remote }: UdpDatagram): void {
    const request = parseDhcpv6(bytes, 0, bytes.length);
    if (typeof request === 'string' || request.messageType !== 'information-request') {
      this.counters.ignored++;
      return;
    }
    const { dnsServers: servers, searchDomains: domains, mac } = this.#options;
    const clientId = request.options.find((option) => option.kind === 'client-id');
    const options: Dhcpv6Option[] = [
      { kind: 'server-id', duid: Uint8Array.from([...DUID_LINK_LAYER, ...mac]) },
      ...(clientId === undefined ? [] : [clientId]),
      ...(servers.length > 0 ? [{ kind: 'dns-servers' as const, servers }] : []),
      ...(domains.length > 0 ? [{ kind: 'domain-list' as const, domains }] : []),
    ];
    const reply: Dhcpv6Fields = { messageType: 'reply', transactionId: request.transactionId, options };
    const into = new Uint8Array(dhcpv6Length(reply));
    emitDhcpv6(reply, into, 0);
    this.counters.answered++;
    this.#socket.send(into, remote);
  }
}
