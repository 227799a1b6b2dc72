import { IpAddress, readWord } from '@orlop/netstack';
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ICMPV6_NEIGHBOR_ADVERTISEMENT,
  ICMPV6_REDIRECT,
  ICMPV6_ROUTER_ADVERTISEMENT,
  ICMPV6_ROUTER_SOLICITATION,
  type MacAddress,
  PROTOCOL_FRAGMENT,
  PROTOCOL_ICMPV6,
  PROTOCOL_UDP,
  readU16,
} from '@orlop/wire';
import { readMacKey } from '../switch/mac-table.ts';
import { etherTypeBefore, networkLayerAt } from '../switch/network-layer.ts';
import type { Port } from '../switch/port.ts';
import type { FrameGuard } from '../switch/switch.ts';
import { AddressClaims } from './address-claims.ts';

const ARP_LEN = 28;
const IPV4_HEADER_LEN = 20;
const IPV6_HEADER_LEN = 40;
const DHCP_SERVER_PORT = 67;
const DHCPV6_SERVER_PORT = 547;
/** Hop-by-hop, routing, fragment and destination options: what may stand before ICMPv6 (RFC 7113 §2.1). */
const EXTENSION_HEADERS: ReadonlySet<number> = new Set([0, 43, PROTOCOL_FRAGMENT, 60]);

export interface NeighbourGuardOptions {
  /** Addresses that nobody but the gateway speaks for: its own, and the host's. */
  readonly own: readonly IpAddress[];
  /** The guest whose lease the IPv4 address is. */
  readonly holderOf: (address: number) => MacAddress | undefined;
  /** Where a guest is plugged in. */
  readonly portOf: (mac: MacAddress) => Port | undefined;
  readonly now: () => number;
  /** Asks a guest whether an IPv6 address is its own. */
  readonly ask: (address: IpAddress, guest: MacAddress) => void;
  /** Whether guests are kept from speaking for each other too, and for routers and DHCP servers. */
  readonly amongGuests: boolean;
}

/**
 * Keeps a guest from telling the others that an address which is not its own is at its card: by ARP, by neighbour
 * discovery, as a router or a DHCP server, or as the source of an IPv4 packet. A switch knows nothing of addresses;
 * this one's leases do.
 */
export class NeighbourGuard implements FrameGuard {
  readonly #claims: AddressClaims;
  readonly #options: NeighbourGuardOptions;
  readonly #own4: ReadonlySet<number>;
  readonly #own6: readonly IpAddress[];

  constructor(options: NeighbourGuardOptions) {
    this.#options = options;
    this.#claims = new AddressClaims(options);
    this.#own4 = new Set(options.own.filter(({ version }) => version === 4).map(({ w3 }) => w3 | 0));
    this.#own6 = options.own.filter(({ version }) => version === 6);
  }

  admits(frame: Uint8Array, offset: number, length: number, from: Port): boolean {
    const at = networkLayerAt(frame, offset, length);
    const end = offset + length;
    switch (etherTypeBefore(frame, at)) {
      case ETHERTYPE_IPV4:
        return end - at < IPV4_HEADER_LEN || this.#admits4({ frame, offset, at, end, from });
      case ETHERTYPE_IPV6:
        return end - at < IPV6_HEADER_LEN || this.#admits6({ frame, offset, at, end, from });
      case ETHERTYPE_ARP:
        return end - at < ARP_LEN || this.#mayBe4({ frame, offset, at, end, from }, at + 14);
      default:
        return true;
    }
  }

  forgetPort(port: Port): void {
    this.#claims.forgetPort(port);
  }

  #admits4(of: FrameParts): boolean {
    const { frame, at, end } = of;
    if (!this.#mayBe4(of, at + 12)) return false;
    if (!this.#options.amongGuests || frame[at + 9] !== PROTOCOL_UDP) return true;
    // Behind the first fragment there are no ports, but what a datagram carries.
    if ((readU16(frame, at + 6) & 0x1fff) !== 0) return true;
    const udp = at + ((frame[at] ?? 0) & 0x0f) * 4;
    return udp + 2 > end || readU16(frame, udp) !== DHCP_SERVER_PORT;
  }

  /** Whether who sends may say that the address is its own: it is not that of a guest that is plugged in elsewhere. */
  #mayBe4({ frame, offset, from }: FrameParts, at: number): boolean {
    const { amongGuests, holderOf, portOf } = this.#options;
    const address = readWord(frame, at);
    if (this.#own4.has(address | 0)) return false;
    if (!amongGuests) return true;
    const holder = holderOf(address);
    if (holder === undefined || holder === readMacKey(frame, offset + 6)) return true;
    const port = portOf(holder);
    return port === undefined || port === from;
  }

  #admits6(of: FrameParts): boolean {
    const { frame, at, end } = of;
    let next = frame[at + 6] ?? 0;
    let header = at + IPV6_HEADER_LEN;
    while (EXTENSION_HEADERS.has(next) && header + 8 <= end) {
      const isFragment = next === PROTOCOL_FRAGMENT;
      // What follows is the middle of something, and no host takes neighbour discovery in parts (RFC 6980 §5).
      if (isFragment && (readU16(frame, header + 2) & 0xfff8) !== 0) return true;
      next = frame[header] ?? 0;
      header += isFragment ? 8 : 8 + (frame[header + 1] ?? 0) * 8;
    }
    if (next === PROTOCOL_UDP) {
      return !this.#options.amongGuests || header + 2 > end || readU16(frame, header) !== DHCPV6_SERVER_PORT;
    }
    if (next !== PROTOCOL_ICMPV6 || header >= end) return true;
    const type = frame[header] ?? 0;
    if (type < ICMPV6_ROUTER_SOLICITATION || type > ICMPV6_REDIRECT) return true;
    if (type === ICMPV6_ROUTER_ADVERTISEMENT || type === ICMPV6_REDIRECT) {
      return !this.#options.amongGuests && this.#mayBe6(of, at + 8);
    }
    if (!this.#mayBe6(of, at + 8)) return false;
    return type !== ICMPV6_NEIGHBOR_ADVERTISEMENT || header + 24 > end || this.#mayBe6(of, header + 8);
  }

  #mayBe6({ frame, offset, from }: FrameParts, at: number): boolean {
    const address = IpAddress.read(6, frame, at);
    // Who looks whether an address is taken has none yet (RFC 4862 §5.4.2).
    if (address.isUnspecified) return true;
    if (this.#own6.some((one) => one.equals(address))) return false;
    if (!this.#options.amongGuests) return true;
    return this.#claims.claim(address, readMacKey(frame, offset + 6), from);
  }
}

interface FrameParts {
  readonly frame: Uint8Array;
  readonly offset: number;
  /** Of the network layer. */
  readonly at: number;
  readonly end: number;
  readonly from: Port;
}
