import { IpAddress, type UdpDatagram, type UdpService, type UdpSocket } from '@orlop/netstack';
import {
  DHCPV4_CLIENT_PORT,
  DHCPV4_SERVER_PORT,
  type Dhcpv4Fields,
  type Dhcpv4MessageType,
  type Dhcpv4Options,
  dhcpv4Length,
  emitDhcpv4,
  type MacAddress,
  parseDhcpv4,
} from '@orlop/wire';
import { claimedHostName } from './host-name.ts';
import type { Boot, LeaseTable } from './leases.ts';

export interface Dhcpv4ServerOptions {
  readonly udp: UdpService;
  readonly leases: LeaseTable;
  /** What every guest is told; lease times and the server's identifier are added. */
  readonly network: Dhcpv4NetworkOptions;
  /**
   * Whether who sends the message that is being handled has this Ethernet address: nobody asks for another, or gives
   * back what another has. @default everybody may
   */
  readonly speaksFor?: (mac: MacAddress) => boolean;
  /** What a guest starts from. @default nothing */
  readonly bootOf?: (mac: MacAddress) => Boot | undefined;
}

export interface Dhcpv4NetworkOptions {
  readonly server: IpAddress;
  readonly subnetMask: number;
  readonly routers: readonly IpAddress[];
  readonly dnsServers: readonly IpAddress[];
  readonly ntpServers: readonly IpAddress[];
  readonly domainName: string;
  readonly searchDomains: readonly string[];
  readonly mtu: number;
  readonly leaseSeconds: number;
}

export interface DhcpCounters {
  discovers: number;
  offers: number;
  acknowledged: number;
  refused: number;
  exhausted: number;
  /** Of a port of the switch that has all the leases that it may. */
  overLimit: number;
  /** Came by a relay agent, whose networks have no addresses here. */
  relayed: number;
  /** Named an Ethernet address that its sender does not have. */
  spoofed: number;
  malformed: number;
}

const BROADCAST = IpAddress.v4(0xffffffff);
const OPTION_SEARCH = 119;
/** What every client takes, and the least that it may say (RFC 2132 §9.10); headers included. */
const DEFAULT_MESSAGE_SIZE = 576;
const IP_AND_UDP_LEN = 28;

/** DHCP (RFC 2131) for the segment's guests, on the stack's port 67. */
export class Dhcpv4Server {
  readonly counters: DhcpCounters = {
    discovers: 0,
    offers: 0,
    acknowledged: 0,
    refused: 0,
    exhausted: 0,
    overLimit: 0,
    relayed: 0,
    spoofed: 0,
    malformed: 0,
  };
  readonly #options: Dhcpv4ServerOptions;
  readonly #socket: UdpSocket;

  constructor(options: Dhcpv4ServerOptions) {
    this.#options = options;
    this.#socket = options.udp.bind(
      { port: DHCPV4_SERVER_PORT },
      { onDatagram: (datagram) => this.#receive(datagram) },
    );
  }

  close(): void {
    this.#socket.close();
  }

  #receive({ bytes }: UdpDatagram): void {
    const message = parseDhcpv4(bytes, 0, bytes.length);
    if (typeof message === 'string' || message.operation !== 'request') {
      this.counters.malformed++;
      return;
    }
    if (message.relayIp !== 0) {
      this.counters.relayed++;
      return;
    }
    if (this.#options.speaksFor?.(message.clientMac) === false) {
      this.counters.spoofed++;
      return;
    }
    switch (message.messageType) {
      case 'discover':
        this.#discover(message);
        return;
      case 'request':
        this.#request(message);
        return;
      case 'decline':
        if (message.options.requestedIp !== undefined && !this.#isForAnother(message)) {
          this.#options.leases.decline(message.clientMac, IpAddress.v4(message.options.requestedIp));
        }
        return;
      case 'release':
        this.#release(message);
        return;
      case 'inform':
        this.counters.acknowledged++;
        this.#reply(message, 'acknowledge', IpAddress.v4(0), this.#configuration(message, ''));
        return;
      default: // a server's messages
        this.counters.malformed++;
    }
  }

  #discover(message: Dhcpv4Fields): void {
    this.counters.discovers++;
    if (!this.#options.leases.mayLease(message.clientMac)) {
      this.counters.overLimit++;
      return;
    }
    const requested = message.options.requestedIp;
    const address = this.#options.leases.offer(
      message.clientMac,
      requested === undefined ? undefined : IpAddress.v4(requested),
    );
    if (address === undefined) {
      this.counters.exhausted++;
      return;
    }
    this.counters.offers++;
    this.#reply(message, 'offer', address, this.#leased(message, claimedHostName(message.options.hostName)));
  }

  #request(message: Dhcpv4Fields): void {
    const { options } = message;
    if (this.#isForAnother(message)) return;
    const wanted = options.requestedIp ?? message.clientIp;
    const hostName = claimedHostName(options.hostName);
    const lease =
      wanted === 0
        ? undefined
        : this.#options.leases.confirm(message.clientMac, IpAddress.v4(wanted), hostName);
    if (lease === undefined) {
      this.counters[this.#options.leases.mayLease(message.clientMac) ? 'refused' : 'overLimit']++;
      this.#reply({ ...message, clientIp: 0 }, 'refuse', IpAddress.v4(0), {
        message: 'that address is not yours on this network',
      });
      return;
    }
    this.counters.acknowledged++;
    this.#reply(message, 'acknowledge', lease.address, this.#leased(message, lease.hostName));
  }

  /** RFC 2131 §4.3.4, §4.4.6: of the address that it names; one of another network is not ours. */
  #release(message: Dhcpv4Fields): void {
    const { leases } = this.#options;
    const lease = leases.findByMac(message.clientMac);
    if (lease?.address.equals(IpAddress.v4(message.clientIp)) !== true || this.#isForAnother(message)) return;
    leases.release(message.clientMac);
  }

  /** Whether the client names another server than this one. */
  #isForAnother({ options }: Dhcpv4Fields): boolean {
    const { serverIdentifier } = options;
    return serverIdentifier !== undefined && serverIdentifier !== this.#options.network.server.w3 >>> 0;
  }

  #leased(message: Dhcpv4Fields, hostName: string): Dhcpv4Options {
    const { leaseSeconds } = this.#options.network;
    return {
      ...this.#configuration(message, hostName),
      leaseTime: leaseSeconds,
      renewalTime: leaseSeconds >>> 1,
      rebindingTime: Math.floor(leaseSeconds * 0.875),
    };
  }

  #configuration(message: Dhcpv4Fields, hostName: string): Dhcpv4Options {
    const { network } = this.#options;
    const numbers = (addresses: readonly IpAddress[]) => addresses.map((address) => address.w3 >>> 0);
    // Old clients stumble over a search list that they did not ask for.
    const asksSearch = message.options.parameterRequestList?.includes(OPTION_SEARCH) === true;
    return {
      subnetMask: network.subnetMask >>> 0,
      routers: numbers(network.routers),
      dnsServers: numbers(network.dnsServers),
      mtu: network.mtu,
      ...(network.ntpServers.length > 0 && { ntpServers: numbers(network.ntpServers) }),
      ...(network.domainName !== '' && { domainName: network.domainName }),
      ...(network.searchDomains.length > 0 && asksSearch && { searchDomains: network.searchDomains }),
      ...(hostName !== '' && { hostName }),
    };
  }

  #reply(
    request: Dhcpv4Fields,
    messageType: Dhcpv4MessageType,
    yours: IpAddress,
    options: Dhcpv4Options,
  ): void {
    const { server } = this.#options.network;
    const { clientIdentifier } = request.options;
    const isRefusal = messageType === 'refuse';
    const boot = isRefusal ? undefined : this.#options.bootOf?.(request.clientMac);
    const fields = this.#fitting(request, {
      operation: 'reply',
      messageType,
      hops: 0,
      transactionId: request.transactionId,
      seconds: 0,
      broadcast: request.broadcast,
      clientIp: messageType === 'acknowledge' ? request.clientIp : 0,
      yourIp: yours.w3 >>> 0,
      // RFC 2131 §2: of the next server to use, for what the guest starts from; none in a refusal (table 3).
      serverIp: isRefusal ? 0 : (boot?.server ?? server).w3 >>> 0,
      relayIp: 0,
      clientMac: request.clientMac,
      serverName: '',
      bootFile: boot?.file ?? '',
      // RFC 6842 §3: a client that shares its Ethernet address knows its own answers by what it said.
      options: {
        serverIdentifier: server.w3 >>> 0,
        ...options,
        ...(clientIdentifier !== undefined && { clientIdentifier }),
      },
    });
    const bytes = new Uint8Array(dhcpv4Length(fields));
    emitDhcpv4(fields, bytes, 0);
    // A client without an address is reached by broadcast, whether it asked for that or not.
    const to = request.clientIp === 0 ? BROADCAST : IpAddress.v4(request.clientIp);
    this.#socket.send(bytes, { address: to, port: DHCPV4_CLIENT_PORT }, server);
  }

  /** With as many search domains as the client takes in one message: the first ones, which are asked for first. */
  #fitting(request: Dhcpv4Fields, reply: Dhcpv4Fields): Dhcpv4Fields {
    const { maximumMessageSize = DEFAULT_MESSAGE_SIZE } = request.options;
    const limit = Math.max(maximumMessageSize, DEFAULT_MESSAGE_SIZE) - IP_AND_UDP_LEN;
    let fitting = reply;
    while (dhcpv4Length(fitting) > limit) {
      const { searchDomains = [], ...others } = fitting.options;
      if (searchDomains.length === 0) return fitting;
      const fewer = searchDomains.slice(0, -1);
      fitting = {
        ...reply,
        options: fewer.length === 0 ? others : { ...others, searchDomains: fewer },
      };
    }
    return fitting;
  }
}
