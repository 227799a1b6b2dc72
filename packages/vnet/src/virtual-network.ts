import { type Logger, OrlopError, type Random } from '@orlop/core';
import {
  type createStack,
  IpAddress,
  IpPrefix,
  type Stack,
  type TcpAttempt,
  type TcpSettings,
} from '@orlop/netstack';
import { type Ipv6Address, ipv6FromMac, type MacAddress, writeMac } from '@orlop/wire';
import type { NetworkSettings } from './config.ts';
import { Dhcpv4Server } from './dhcp/dhcpv4-server.ts';
import { Dhcpv6Server } from './dhcp/dhcpv6-server.ts';
import { type LeaseStore, LeaseTable } from './dhcp/leases.ts';
import { DnsServer } from './dns/dns-server.ts';
import { LearnedNames } from './dns/learned-names.ts';
import { LocalResolver } from './dns/local-names.ts';
import { networkNames } from './dns/network-names.ts';
import type { DnsResolver } from './dns/resolver.ts';
import { ZoneResolver } from './dns/zone-resolver.ts';
import { ZoneTable } from './dns/zone-table.ts';
import type { GuestTarget } from './forward/forward.ts';
import { ForwardTable } from './forward/forward-table.ts';
import { startTcpForward } from './forward/tcp-forward.ts';
import { startUdpForward } from './forward/udp-forward.ts';
import { DepartedGuests } from './gateway/departed-guests.ts';
import { type FrameService, Gateway } from './gateway/gateway.ts';
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

const LINK_LOCAL: Ipv6Address = { a: 0xfe80_0000, b: 0, c: 0, d: 0 };

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
  readonly metadata = new MetadataService();
  /** Told the Ethernet addresses behind a link that has gone. */
  onGuestLeft: ((macs: ReadonlySet<MacAddress>) => void) | undefined = undefined;
  readonly #parts: NetworkParts;
  readonly #departed: DepartedGuests;
  readonly #closers: (() => void)[] = [];

  constructor(settings: NetworkSettings, parts: NetworkParts) {
    this.settings = settings;
    this.#parts = parts;
    const { sockets, scheduler, shares = ALL_SOCKETS } = parts;
    const { gateway, host, ipv6, subnet, domain } = settings;
    const mac = new Uint8Array(6);
    writeMac(settings.gatewayMac, mac, 0);
    const linkLocal = ipv6FromMac(LINK_LOCAL, settings.gatewayMac);
    const gateways = compact([gateway, ipv6?.gateway]);
    const hosts = compact([host, ipv6?.host]);
    const own = [...gateways, ...hosts].map(
      (address) => new IpPrefix(address, address.version === 4 ? subnet.length : 64),
    );
    if (ipv6 !== undefined) own.push(new IpPrefix(toIpAddress(linkLocal), 64));

    this.stack = parts.createStack({
      mac: settings.gatewayMac,
      addresses: own,
      random: parts.random,
      mtu: settings.mtu,
      promiscuous: true,
      router: true,
      trustedLink: true,
      tcp: GATEWAY_TCP,
    });
    this.leases = new LeaseTable({
      subnet,
      first: settings.firstLease,
      last: settings.lastLease,
      reserved: compact([gateway, host]),
      leaseMs: settings.leaseSeconds * 1000,
      now: () => scheduler.now(),
      wallMs: () => scheduler.wallMs(),
      staticLeases: settings.leases,
      isUsed: (address, mac) => this.#isUsed(address, mac),
      ...(parts.leaseStore !== undefined && { store: parts.leaseStore }),
    });
    const names = networkNames({ leases: this.leases, domain, gateways, hosts, extra: settings.names });
    this.zones = new ZoneTable(settings.zones);
    this.learnedNames = new LearnedNames(
      new ZoneResolver(this.zones, new LocalResolver(names, parts.upstream)),
    );
    this.policy = new OutboundPolicy(
      settings.policy,
      parts.namesOf ?? ((address) => this.learnedNames.namesOf(address)),
    );
    const addresses = new AddressMap(
      {
        subnet,
        subnet6: ipv6?.prefix,
        gateways,
        hostAliases: hosts,
        metadataAccess: settings.metadataAccess,
        ...(!settings.hostAddresses &&
          parts.hostAddresses !== undefined && { closedAddresses: parts.hostAddresses }),
      },
      this.policy,
    );
    this.addresses = addresses;

    this.filter = new SourceFilter({ subnet, prefix6: ipv6?.prefix });
    const dnsServers6 = compact([ipv6?.gateway]).map(toWire);
    const searchDomains = [domain, ...settings.search];
    const frameServices: FrameService[] = [];
    if (ipv6 !== undefined) {
      this.advertiser = new RouterAdvertiser({
        mac: settings.gatewayMac,
        source: linkLocal,
        prefix: toWire(ipv6.prefix.address),
        dnsServers: dnsServers6,
        searchDomains,
        mtu: settings.mtu,
      });
      frameServices.push(this.advertiser);
      const dhcpv6 = new Dhcpv6Server({ udp: this.stack.udp, mac, dnsServers: dnsServers6, searchDomains });
      this.#closers.push(() => dhcpv6.close());
    }
    this.gateway = new Gateway({ mac, stack: this.stack, filter: this.filter, scheduler, frameServices });
    this.segment = new Switch(this.gateway, {
      now: () => scheduler.now(),
      guard: new NeighbourGuard({
        own: own.map(({ address }) => address),
        holderOf: (address) => this.leases.holderOf(address),
        portOf: (mac) => this.segment.portOfMac(mac),
        now: () => scheduler.now(),
        ask: (address, guest) => this.stack.host.ndp.solicit(address, guest),
        amongGuests: settings.spoofGuard,
      }),
    });

    const origin = () => this.gateway.origin;
    const queue = new RelayQueue();
    const slab = new ReadSlab();
    this.gateway.batchWork.push(queue);
    const resolveGuest = (target: GuestTarget) => this.resolveGuest(target);
    const sourceFor = (guest: IpAddress) => gateways.find((one) => one.version === guest.version);
    const shared = { sockets, resolveGuest, sourceFor };
    this.forwards = new ForwardTable({
      tcp: (spec) =>
        startTcpForward(spec, {
          ...shared,
          tcp: this.stack.tcp,
          queue,
          slab,
          maxConnections: shares.forward,
        }),
      udp: (spec) => startUdpForward(spec, { ...shared, udp: this.stack.udp, scheduler }),
    });
    this.tcpNat = new TcpNat({
      sockets,
      addresses,
      scheduler,
      queue,
      slab,
      origin,
      maxConnections: shares.tcp,
      serve: (attempt) => this.metadata.intercept(attempt),
      ...(parts.intercept !== undefined && { intercept: parts.intercept }),
      redirect: (local) =>
        gateways.some((one) => one.equals(local.address)) ? this.forwards.redirectOf(local) : undefined,
    });
    this.udpNat = new UdpNat({
      udp: this.stack.udp,
      sockets,
      addresses,
      scheduler,
      origin,
      maxFlows: shares.udp,
    });
    this.echo = new EchoProxy({
      icmp: this.stack.icmp,
      sockets,
      addresses,
      scheduler,
      origin,
      maxFlows: shares.echo,
      ...(parts.echoFallback !== undefined && { fallback: parts.echoFallback }),
    });
    this.stack.tcp.listenAny((attempt) => this.tcpNat.onAttempt(attempt));
    this.stack.udp.listenAny(this.udpNat);
    this.stack.icmp.onEchoRequest = (message) => this.echo.onRequest(message);

    this.dhcp = new Dhcpv4Server({
      udp: this.stack.udp,
      leases: this.leases,
      bootOf: (mac) => settings.leases.find((lease) => lease.mac === mac)?.boot ?? settings.boot,
      network: {
        server: gateway,
        subnetMask: -1 << (32 - subnet.length),
        routers: [gateway],
        dnsServers: [gateway],
        ntpServers: [gateway],
        domainName: domain,
        searchDomains,
        mtu: settings.mtu,
        leaseSeconds: settings.leaseSeconds,
      },
    });
    this.dns = new DnsServer({ stack: this.stack, resolver: this.learnedNames, origin });
    const ntp = new NtpServer({ udp: this.stack.udp, wallMs: () => scheduler.wallMs() });
    this.#closers.push(() => ntp.close());
    this.#departed = new DepartedGuests({ stack: this.stack, scheduler });
    this.#closers.push(() => this.#departed.close());
    this.gateway.plugInto(this.segment);
  }

  /** Starts the forwards of the configuration. @throws OrlopError `vnet.bind-failed`, `vnet.forward-exists` */
  async start(): Promise<void> {
    for (const spec of this.settings.forwards) await this.forwards.add(spec);
  }

  /** Plugs a link in; the network closes it with itself, and where it has no port. @throws OrlopError `vnet.link-failed` */
  attach(link: Link, name: string = link.peer): Port {
    const { logger } = this.#parts;
    const onClosed = (gone: Port, reason: string, macs: ReadonlySet<number>) => {
      logger.info('a guest left', { port: gone.name, reason });
      this.#departed.ask(macs);
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

function compact<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value) => value !== undefined);
}

function toWire({ w0, w1, w2, w3 }: IpAddress): Ipv6Address {
  return { a: w0 >>> 0, b: w1 >>> 0, c: w2 >>> 0, d: w3 >>> 0 };
}

function toIpAddress({ a, b, c, d }: Ipv6Address): IpAddress {
  return IpAddress.v6(a, b, c, d);
}
