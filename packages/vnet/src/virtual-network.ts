import { type Logger, OrlopError, type Random } from '@orlop/core';
import { type createStack, IpAddress, type Stack, type TcpAttempt, type TcpSettings } from '@orlop/netstack';
import { type Ipv6Address, type MacAddress, writeMac } from '@orlop/wire';
import type { NetworkSettings } from './config.ts';
import { Dhcpv4Server } from './dhcp/dhcpv4-server.ts';
import { Dhcpv6Server } from './dhcp/dhcpv6-server.ts';
import { type LeaseStore, LeaseTable } from './dhcp/leases.ts';
import { DnsServer } from './dns/dns-server.ts';
import { LearnedNames } from './dns/learned-names.ts';
import { networkNames } from './dns/network-names.ts';
import { OwnNamesResolver } from './dns/own-names-resolver.ts';
import type { DnsResolver } from './dns/resolver.ts';
import { ZoneTable } from './dns/zone-table.ts';
import type { GuestTarget } from './forward/forward.ts';
import { ForwardTable } from './forward/forward-table.ts';
import { startTcpForward } from './forward/tcp-forward.ts';
import { startUdpForward } from './forward/udp-forward.ts';
import { DepartedGuests } from './gateway/departed-guests.ts';
import { Gateway } from './gateway/gateway.ts';
import { NeighbourGuard } from './gateway/neighbour-guard.ts';
import { NtpServer } from './gateway/ntp-server.ts';
import { RouterAdvertiser } from './gateway/router-advertiser.ts';
import { SourceFilter } from './gateway/source-filter.ts';
import type { HostSockets } from './host/host-sockets.ts';
import { ALL_SOCKETS, type SocketShares } from './host/socket-shares.ts';
import type { Link } from './link/link.ts';
import { MetadataService } from './metadata/metadata-service.ts';
import { AddressMap } from './nat/address-map.ts';
import { type EchoFallback, EchoProxy } from './nat/echo-proxy.ts';
import { type NamesOf, OutboundPolicy } from './nat/policy.ts';
import { ReadSlab } from './nat/read-slab.ts';
import { RelayQueue } from './nat/relay.ts';
import { TcpNat } from './nat/tcp-nat.ts';
import { UdpNat } from './nat/udp-nat.ts';
import { compact, type NetworkEnds, networkEnds } from './network-ends.ts';
import type { Scheduler } from './scheduler.ts';
import type { Port } from './switch/port.ts';
import { Switch } from './switch/switch.ts';

/** What a network is built on; each has a second implementation for tests. */
export interface NetworkParts {
  readonly sockets: HostSockets;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  readonly createStack: typeof createStack;
  /** Asked for names that are not the network's own. */
  readonly upstream: DnsResolver;
  /** @default leases are forgotten with the process */
  readonly leaseStore?: LeaseStore;
  /** Names under which guests learned an address, for rules of the policy. @default what the DNS answered */
  readonly namesOf?: NamesOf;
  readonly echoFallback?: EchoFallback;
  /** How many of the host's sockets each kind of traffic may have. @default ALL_SOCKETS */
  readonly shares?: SocketShares;
  /** Of the host's interfaces, now; needed where the settings close them to guests. */
  readonly hostAddresses?: () => readonly IpAddress[];
  /** May answer guests' outgoing connections itself: the transparent HTTP proxy. @default nobody */
  readonly intercept?: (attempt: TcpAttempt) => boolean;
}

/**
 * The guest is a memory copy away: an acknowledgement in a frame of its own costs more than it brings, so it waits
 * for the answer to travel with, but not so long that a guest with Nagle's algorithm on would notice.
 */
const GATEWAY_TCP: TcpSettings = {
  quickAcks: 0,
  delayedAckMs: 4,
  timeWaitMs: 10_000,
  // More is not faster over a round trip of microseconds, but leaves the processor's cache.
  receiveBuffer: { initial: 64 * 1024, max: 1024 * 1024 },
  sendBuffer: { initial: 64 * 1024, max: 1024 * 1024 },
};

/** What carries connections and datagrams of guests. */
interface RelayParts {
  readonly sockets: HostSockets;
  readonly addresses: AddressMap;
  readonly scheduler: Scheduler;
  readonly queue: RelayQueue;
  readonly slab: ReadSlab;
  /** Whose frame is being handled. */
  readonly origin: () => number | undefined;
}

/**
 * A virtual Ethernet segment with its gateway: the composition root of the package. Its parts are there for who
 * wants to look or to change (leases, forwards, flows).
 */
export class VirtualNetwork {
  readonly settings: NetworkSettings;
  readonly stack: Stack;
  readonly gateway: Gateway;
  readonly segment: Switch;
  readonly leases: LeaseTable;
  readonly forwards: ForwardTable;
  readonly policy: OutboundPolicy;
  readonly tcpNat: TcpNat;
  readonly udpNat: UdpNat;
  readonly echo: EchoProxy;
  readonly dns: DnsServer;
  readonly zones: ZoneTable;
  readonly learnedNames: LearnedNames;
  readonly addresses: AddressMap;
  readonly dhcp: Dhcpv4Server;
  readonly filter: SourceFilter;
  readonly advertiser: RouterAdvertiser | undefined;
  readonly metadata = new MetadataService(() => this.gateway.origin);
  /** Told the Ethernet addresses behind a link that has gone. */
  onGuestLeft: ((macs: ReadonlySet<MacAddress>) => void) | undefined = undefined;
  readonly #parts: NetworkParts;
  readonly #departed: DepartedGuests;
  readonly #closers: (() => void)[] = [];
  readonly #configuredForwards = new Set<string>();

  constructor(settings: NetworkSettings, parts: NetworkParts) {
    this.settings = settings;
    this.#parts = parts;
    const { scheduler } = parts;
    const ends = networkEnds(settings);
    const { ipv6, subnet } = settings;
    this.stack = parts.createStack({
      mac: settings.gatewayMac,
      addresses: ends.prefixes,
      random: parts.random,
      mtu: settings.mtu,
      promiscuous: true,
      router: true,
      trustedLink: true,
      tcp: GATEWAY_TCP,
    });
    this.leases = this.#makeLeases();
    this.zones = new ZoneTable(settings.zones);
    this.learnedNames = this.#makeNames(ends);
    this.policy = new OutboundPolicy(
      settings.policy,
      parts.namesOf ?? ((address) => this.learnedNames.namesOf(address)),
    );
    this.addresses = this.#makeAddresses(ends);
    this.filter = new SourceFilter({ subnet, prefix6: ipv6?.prefix });
    this.advertiser = this.#makeAdvertiser(ends);
    const mac = new Uint8Array(6);
    writeMac(settings.gatewayMac, mac, 0);
    const frameServices = compact([this.advertiser]);
    this.gateway = new Gateway({ mac, stack: this.stack, filter: this.filter, scheduler, frameServices });
    this.segment = this.#makeSegment(ends);
    const relay: RelayParts = {
      ...{ sockets: parts.sockets, scheduler, addresses: this.addresses },
      ...{ queue: new RelayQueue(), slab: new ReadSlab(), origin: () => this.gateway.origin },
    };
    this.gateway.batchWork.push(relay.queue);
    this.forwards = this.#makeForwards(ends, relay);
    this.tcpNat = this.#makeTcpNat(ends, relay);
    this.udpNat = this.#makeUdpNat(relay);
    this.echo = this.#makeEcho(relay);
    this.dhcp = this.#makeDhcp();
    this.dns = new DnsServer({ stack: this.stack, resolver: this.learnedNames, origin: relay.origin });
    this.#serveOthers(mac);
    this.#departed = new DepartedGuests({ stack: this.stack, scheduler });
    this.#closers.push(() => this.#departed.close());
    this.gateway.plugInto(this.segment);
  }

  get #searchDomains(): readonly string[] {
    return [this.settings.domain, ...this.settings.search];
  }

  /** The gateway's, where there is IPv6. */
  get #dnsServers6(): readonly Ipv6Address[] {
    return compact([this.settings.ipv6?.gateway]).map((gateway) => gateway.toIpv6());
  }

  #makeLeases(): LeaseTable {
    const { settings } = this;
    const { scheduler, leaseStore } = this.#parts;
    return new LeaseTable({
      subnet: settings.subnet,
      first: settings.firstLease,
      last: settings.lastLease,
      reserved: compact([settings.gateway, settings.host]),
      leaseMs: settings.leaseSeconds * 1000,
      now: () => scheduler.now(),
      wallMs: () => scheduler.wallMs(),
      staticLeases: settings.leases,
      isUsed: (address, mac) => this.#isUsed(address, mac),
      origin: () => this.gateway.origin,
      isHeard: (mac) => this.segment.portOfMac(mac) !== undefined,
      ...(leaseStore !== undefined && { store: leaseStore }),
    });
  }

  #makeNames({ gateways, hosts }: NetworkEnds): LearnedNames {
    const { domain, names: extra, subnet, ipv6 } = this.settings;
    const prefixes = compact([subnet, ipv6?.prefix]);
    const names = networkNames({ leases: this.leases, domain, gateways, hosts, extra, prefixes });
    return new LearnedNames(new OwnNamesResolver([this.zones, names], this.#parts.upstream));
  }

  #makeAddresses({ gateways, hosts }: NetworkEnds): AddressMap {
    const { subnet, ipv6, metadataAccess, hostAddresses } = this.settings;
    const closedAddresses = hostAddresses ? undefined : this.#parts.hostAddresses;
    const own = { subnet, subnet6: ipv6?.prefix, gateways, hostAliases: hosts, metadataAccess };
    return new AddressMap({ ...own, ...(closedAddresses !== undefined && { closedAddresses }) }, this.policy);
  }

  #makeAdvertiser({ linkLocal }: NetworkEnds): RouterAdvertiser | undefined {
    const { ipv6, gatewayMac, mtu } = this.settings;
    if (ipv6 === undefined) return undefined;
    return new RouterAdvertiser({
      mac: gatewayMac,
      source: linkLocal,
      prefix: ipv6.prefix.address.toIpv6(),
      dnsServers: this.#dnsServers6,
      searchDomains: this.#searchDomains,
      mtu,
    });
  }

  #makeSegment({ prefixes }: NetworkEnds): Switch {
    const { scheduler } = this.#parts;
    return new Switch(this.gateway, {
      now: () => scheduler.now(),
      guard: new NeighbourGuard({
        own: prefixes.map(({ address }) => address),
        holderOf: (address) => this.leases.holderOf(address),
        portOf: (mac) => this.segment.portOfMac(mac),
        now: () => scheduler.now(),
        ask: (address, guest) => this.stack.host.ndp.solicit(address, guest),
        amongGuests: this.settings.spoofGuard,
      }),
    });
  }

  #makeForwards({ gateways }: NetworkEnds, { sockets, scheduler, queue, slab }: RelayParts): ForwardTable {
    const { tcp, udp } = this.stack;
    const { forward: maxConnections } = this.#shares;
    const resolveGuest = (target: GuestTarget) => this.resolveGuest(target);
    const sourceFor = (guest: IpAddress) => gateways.find((one) => one.version === guest.version);
    const shared = { sockets, resolveGuest, sourceFor };
    return new ForwardTable({
      tcp: (spec) => startTcpForward(spec, { ...shared, tcp, queue, slab, maxConnections }),
      udp: (spec) => startUdpForward(spec, { ...shared, udp, scheduler }),
      endToHost: (stats) => this.tcpNat.dropOf(stats),
    });
  }

  #makeTcpNat({ gateways }: NetworkEnds, relay: RelayParts): TcpNat {
    const { intercept } = this.#parts;
    const nat = new TcpNat({
      ...relay,
      maxConnections: this.#shares.tcp,
      serve: (attempt) => this.metadata.intercept(attempt),
      ...(intercept !== undefined && { intercept }),
      redirect: (local) =>
        gateways.some((one) => one.equals(local.address)) ? this.forwards.redirectOf(local) : undefined,
    });
    this.stack.tcp.listenAny((attempt) => nat.onAttempt(attempt));
    return nat;
  }

  #makeUdpNat({ sockets, addresses, scheduler, origin }: RelayParts): UdpNat {
    const { udp } = this.stack;
    const nat = new UdpNat({ udp, sockets, addresses, scheduler, origin, maxFlows: this.#shares.udp });
    udp.listenAny(nat);
    return nat;
  }

  #makeEcho({ sockets, addresses, scheduler, origin }: RelayParts): EchoProxy {
    const { icmp } = this.stack;
    const { echoFallback: fallback } = this.#parts;
    const proxy = new EchoProxy({
      ...{ icmp, sockets, addresses, scheduler, origin, maxFlows: this.#shares.echo },
      ...(fallback !== undefined && { fallback }),
    });
    icmp.onEchoRequest = (message) => proxy.onRequest(message);
    return proxy;
  }

  #makeDhcp(): Dhcpv4Server {
    const { settings } = this;
    const { gateway, subnet } = settings;
    return new Dhcpv4Server({
      udp: this.stack.udp,
      leases: this.leases,
      speaksFor: (mac) => !settings.spoofGuard || this.segment.portOfMac(mac)?.id === this.gateway.origin,
      bootOf: (mac) => settings.leases.find((lease) => lease.mac === mac)?.boot ?? settings.boot,
      network: {
        server: gateway,
        subnetMask: -1 << (32 - subnet.length),
        routers: [gateway],
        dnsServers: [gateway],
        ntpServers: [gateway],
        domainName: settings.domain,
        searchDomains: this.#searchDomains,
        mtu: settings.mtu,
        leaseSeconds: settings.leaseSeconds,
      },
    });
  }

  /** What nobody looks at while it runs. */
  #serveOthers(mac: Uint8Array): void {
    const { udp } = this.stack;
    const { scheduler } = this.#parts;
    const ntp = new NtpServer({ udp, wallMs: () => scheduler.wallMs() });
    this.#closers.push(() => ntp.close());
    const { ipv6 } = this.settings;
    if (ipv6 === undefined) return;
    const told = { prefix: ipv6.prefix, dnsServers: this.#dnsServers6, searchDomains: this.#searchDomains };
    const dhcpv6 = new Dhcpv6Server({ udp, mac, ...told });
    this.#closers.push(() => dhcpv6.close());
  }

  get #shares(): SocketShares {
    return this.#parts.shares ?? ALL_SOCKETS;
  }

  /** Ids of the forwards that the configuration asks for, once they are in force. */
  get configuredForwards(): ReadonlySet<string> {
    return this.#configuredForwards;
  }

  /** Starts the forwards of the configuration. @throws OrlopError `vnet.bind-failed`, `vnet.forward-exists` */
  async start(): Promise<void> {
    for (const spec of this.settings.forwards)
      this.#configuredForwards.add((await this.forwards.add(spec)).id);
  }

  /** Plugs a link in; the network closes it with itself, and where it has no port. @throws OrlopError `vnet.link-failed` */
  attach(link: Link, name: string = link.peer): Port {
    const { logger } = this.#parts;
    const onClosed = (gone: Port, reason: string, macs: ReadonlySet<number>) => {
      logger.info('a guest left', { port: gone.name, reason });
      this.#departed.ask(macs);
      this.leases.portLeft(gone.id);
      this.onGuestLeft?.(macs);
    };
    let port: Port;
    try {
      port = this.segment.attach(link, name, { onClosed });
    } catch (error) {
      link.close();
      throw error;
    }
    logger.info('a guest joined', { port: port.name, kind: link.kind, mtu: link.mtu });
    return port;
  }

  /** The same for one who has come by itself: it is turned away where there is no port. */
  admit(link: Link, name: string = link.peer): void {
    try {
      this.attach(link, name);
    } catch (error) {
      if (!(error instanceof OrlopError)) throw error;
      this.#parts.logger.warn('a guest was turned away', { port: name, reason: error.message });
    }
  }

  close(): void {
    this.forwards.close();
    this.tcpNat.close();
    this.udpNat.close();
    this.echo.close();
    this.dns.close();
    this.dhcp.close();
    for (const close of this.#closers) close();
    // What was just reset should still be told to the guests.
    this.gateway.poll();
    this.segment.flush();
    this.gateway.close();
    for (const port of [...this.segment.ports()]) this.segment.detach(port);
  }

  /** The guest's address now, or why there is none. */
  resolveGuest(target: GuestTarget): IpAddress | string {
    switch (target.kind) {
      case 'address':
        return target.address;
      case 'nobody':
        return 'it leads nowhere yet';
      case 'name':
        return this.leases.findByName(target.name)?.address ?? `no guest is called "${target.name}"`;
      case 'only': {
        // A guest that is heard is there, though its lease ran out while it, or this process, stood still.
        const leases = [...this.leases.list()];
        const present = leases.filter((lease) => this.segment.portOfMac(lease.mac) !== undefined);
        const [first, second] =
          present.length > 0 ? present : leases.filter((lease) => !this.leases.hasExpired(lease));
        if (first === undefined) return 'no guest has an address yet';
        return second === undefined ? first.address : 'there are several guests: name one';
      }
    }
  }

  /** By the neighbours that the gateway knows: a guest that was given its address by hand, and is plugged in. */
  #isUsed(address: number, mac: MacAddress): boolean {
    const holder = this.stack.host.arp.neighbours.find(IpAddress.v4(address));
    return holder !== undefined && holder !== mac && this.segment.portOfMac(holder) !== undefined;
  }
}
