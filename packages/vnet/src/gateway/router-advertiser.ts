import type { FrameSink } from '@orlop/netstack';
import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_IPV6,
  emitEthernet,
  emitIcmpv6,
  emitIpv6,
  ICMPV6_ROUTER_SOLICITATION,
  type Icmpv6Fields,
  IPV6_HEADER_LEN,
  type Ipv6Address,
  icmpv6Length,
  type MacAddress,
  macOfIpv6Group,
  pseudoSumV6,
  readU16,
  sealIcmpv6,
} from '@orlop/wire';
import type { FrameService } from './gateway.ts';

export interface RouterAdvertiserOptions {
  readonly mac: MacAddress;
  /** The router's link-local address. */
  readonly source: Ipv6Address;
  /** A /64 from which guests make their addresses. */
  readonly prefix: Ipv6Address;
  readonly dnsServers: readonly Ipv6Address[];
  readonly searchDomains: readonly string[];
  readonly mtu: number;
}

const ICMPV6 = 58;
const HOP_LIMIT = 255; // neighbour discovery is never routed (RFC 4861 §6.1)
const ALL_NODES: Ipv6Address = { a: 0xff02_0000, b: 0, c: 0, d: 1 };
/** Unsolicited advertisements; RFC 4861 §6.2.1 has 200 to 600 s as defaults. */
const INTERVAL_MS = 300_000;
/** Solicitations are answered at most this often, all at once (MIN_DELAY_BETWEEN_RAS would be 3 s). */
const MIN_GAP_MS = 100;
const ROUTER_LIFETIME_S = 1800;
const VALID_LIFETIME_S = 86_400;
const PREFERRED_LIFETIME_S = 14_400;
/** Not every guest takes the MTU that it is told, and neighbour discovery comes in no fragments (RFC 6980). */
const ETHERNET_MTU = 1500;

/** Router advertisements (RFC 4861, RFC 8106): prefix, default route, MTU and DNS for IPv6. */
export class RouterAdvertiser implements FrameService {
  readonly counters = { solicitations: 0, advertisements: 0 };
  readonly #options: RouterAdvertiserOptions;
  readonly #message: Icmpv6Fields;
  #nextAtMs = 0;
  #lastAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: RouterAdvertiserOptions) {
    this.#options = options;
    this.#message = fittingAdvertisement(options);
  }

  receive(frame: Uint8Array, offset: number, length: number): boolean {
    const ip = offset + ETHERNET_HEADER_LEN;
    if (length < ETHERNET_HEADER_LEN + IPV6_HEADER_LEN + 8) return false;
    if (readU16(frame, offset + 12) !== ETHERTYPE_IPV6 || frame[ip + 6] !== ICMPV6) return false;
    if (frame[ip + IPV6_HEADER_LEN] !== ICMPV6_ROUTER_SOLICITATION || frame[ip + 7] !== HOP_LIMIT)
      return false;
    this.counters.solicitations++;
    this.#nextAtMs = Math.min(this.#nextAtMs, this.#lastAtMs + MIN_GAP_MS);
    return true;
  }

  pollAt(): number {
    return this.#nextAtMs;
  }

  poll(now: number, sink: FrameSink): void {
    const messageLength = icmpv6Length(this.#message);
    const length = ETHERNET_HEADER_LEN + IPV6_HEADER_LEN + messageLength;
    if (!sink.reserve(length)) return;
    const { buffer, offset } = sink;
    const { mac, source } = this.#options;
    const ip = emitEthernet(
      { destination: macOfIpv6Group(ALL_NODES), source: mac, etherType: ETHERTYPE_IPV6 },
      buffer,
      offset,
    );
    const icmp = emitIpv6(
      {
        trafficClass: 0,
        flowLabel: 0,
        payloadLength: messageLength,
        nextHeader: ICMPV6,
        hopLimit: HOP_LIMIT,
        source,
        destination: ALL_NODES,
      },
      buffer,
      ip,
    );
    const end = emitIcmpv6(this.#message, buffer, icmp);
    sealIcmpv6(buffer, icmp, end, pseudoSumV6(source, ALL_NODES, ICMPV6, messageLength));
    sink.commit(length);
    this.counters.advertisements++;
    this.#lastAtMs = now;
    this.#nextAtMs = now + INTERVAL_MS;
  }
}

/** With as many search domains as one packet holds; DHCPv6 tells all of them. */
function fittingAdvertisement(options: RouterAdvertiserOptions): Icmpv6Fields {
  const searchDomains = [...options.searchDomains];
  for (;;) {
    const message = advertisement({ ...options, searchDomains });
    if (IPV6_HEADER_LEN + icmpv6Length(message) <= Math.min(options.mtu, ETHERNET_MTU)) return message;
    if (searchDomains.pop() === undefined) return message;
  }
}

function advertisement(options: RouterAdvertiserOptions): Icmpv6Fields {
  const { mac, prefix, dnsServers: servers, searchDomains: domains, mtu } = options;
  return {
    kind: 'router-advertisement',
    hopLimit: 64,
    managed: false,
    otherConfiguration: true,
    preference: 'medium',
    lifetime: ROUTER_LIFETIME_S,
    reachableTimeMs: 0,
    retransmitTimerMs: 0,
    options: [
      { kind: 'source-link-layer', mac },
      { kind: 'mtu', mtu },
      {
        kind: 'prefix',
        prefix,
        prefixLength: 64,
        onLink: true,
        autonomous: true,
        validLifetime: VALID_LIFETIME_S,
        preferredLifetime: PREFERRED_LIFETIME_S,
      },
      ...(servers.length > 0
        ? [{ kind: 'recursive-dns' as const, lifetime: ROUTER_LIFETIME_S, servers }]
        : []),
      ...(domains.length > 0 ? [{ kind: 'dns-search' as const, lifetime: ROUTER_LIFETIME_S, domains }] : []),
    ],
  };
}
