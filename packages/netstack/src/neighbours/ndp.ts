import {
  ETHERTYPE_IPV6,
  emitIcmpv6,
  emitIpv6,
  type Icmpv6Fields,
  IPV6_ADDRESSES_OFFSET,
  IPV6_HEADER_LEN,
  icmpv6Length,
  isGroupMac,
  type MacAddress,
  macOfIpv6Group,
  type NdpOption,
  PROTOCOL_ICMPV6,
  pseudoSumAt,
  sealIcmpv6,
  solicitedNode,
} from '@orlop/wire';
import type { EthernetPort } from '../ethernet.ts';
import { IpAddress } from '../ip/address.ts';
import type { LocalAddresses } from './arp.ts';
import { NeighbourCache } from './neighbour-cache.ts';

/** ff02::1 */
const ALL_NODES = IpAddress.v6(0xff020000, 0, 0, 1);

/** Neighbour discovery (RFC 4861 §7): solicitations and advertisements. What a router advertises is the program's affair. */
export class Ndp {
  readonly neighbours: NeighbourCache;
  readonly counters = { solicitationsIn: 0, advertisementsIn: 0, malformed: 0 };
  readonly #ethernet: EthernetPort;
  readonly #local: LocalAddresses;
  readonly #router: boolean;

  constructor(dependencies: {
    readonly ethernet: EthernetPort;
    readonly local: LocalAddresses;
    readonly router: boolean;
  }) {
    this.#ethernet = dependencies.ethernet;
    this.#local = dependencies.local;
    this.#router = dependencies.router;
    this.neighbours = new NeighbourCache({
      ethernet: dependencies.ethernet,
      etherType: ETHERTYPE_IPV6,
      solicit: (address, known) => this.solicit(address, known),
    });
  }

  /** Takes a checked message; true when it was one of ours to handle. */
  receive(message: Icmpv6Fields, source: IpAddress, hopLimit: number, now: number): boolean {
    if (message.kind !== 'neighbor-solicitation' && message.kind !== 'neighbor-advertisement') return false;
    const target = IpAddress.fromIpv6(message.target);
    // Only a neighbour can send hop limit 255 (RFC 4861 §7.1).
    if (hopLimit !== 255 || target.isMulticast) {
      this.counters.malformed++;
      return true;
    }
    if (message.kind === 'neighbor-solicitation') this.#onSolicitation(message, source, target, now);
    else this.#onAdvertisement(message, target, now);
    return true;
  }

  #onSolicitation(
    message: { readonly options: readonly NdpOption[] },
    source: IpAddress,
    target: IpAddress,
    now: number,
  ): void {
    this.counters.solicitationsIn++;
    const mac = linkLayer(message.options, 'source-link-layer');
    const duplicateCheck = source.isUnspecified;
    const forUs = this.#local.isLocal(target);
    if (mac !== undefined && !duplicateCheck && !this.#local.isLocal(source)) {
      this.neighbours.learn(source, mac, now, forUs);
    }
    if (!forUs) return;
    const to = duplicateCheck ? ALL_NODES : source;
    const known = duplicateCheck ? undefined : (mac ?? this.neighbours.get(source).mac);
    this.#send(to, known === 0 ? undefined : known, target, {
      kind: 'neighbor-advertisement',
      target: target.toIpv6(),
      // Who hears a router say that it is none forgets its routes (RFC 4861 §7.3.3).
      router: this.#router,
      solicited: !duplicateCheck,
      override: true,
      options: [{ kind: 'target-link-layer', mac: this.#ethernet.mac }],
    });
  }

  #onAdvertisement(
    message: {
      readonly options: readonly NdpOption[];
      readonly solicited: boolean;
      readonly override: boolean;
    },
    target: IpAddress,
    now: number,
  ): void {
    this.counters.advertisementsIn++;
    if (this.#local.isLocal(target)) return;
    const known = this.neighbours.find(target);
    // The answer to a question that only its address got names none (Linux does so, RFC 4861 §4.4).
    const mac = linkLayer(message.options, 'target-link-layer') ?? (message.solicited ? known : undefined);
    if (mac === undefined) return;
    // A second voice, such as a proxy's, does not override the first (RFC 4861 §7.2.5).
    if (!message.override && known !== undefined && known !== mac) return;
    this.neighbours.learn(target, mac, now, false);
  }

  /** Asks who has `address`: the neighbour at `known`, or everybody. */
  solicit(address: IpAddress, known: MacAddress | undefined): void {
    const source = this.#local.sourceFor(address);
    if (source === undefined) return;
    const to = known === undefined ? IpAddress.fromIpv6(solicitedNode(address.toIpv6())) : address;
    this.#send(to, known, source, {
      kind: 'neighbor-solicitation',
      target: address.toIpv6(),
      options: [{ kind: 'source-link-layer', mac: this.#ethernet.mac }],
    });
  }

  #send(to: IpAddress, known: MacAddress | undefined, source: IpAddress, message: Icmpv6Fields): void {
    const length = icmpv6Length(message);
    const mac = known ?? macOfIpv6Group(to.isMulticast ? to.toIpv6() : ALL_NODES.toIpv6());
    this.#ethernet.enqueue({
      header: this.#ethernet.header(mac, ETHERTYPE_IPV6),
      length: IPV6_HEADER_LEN + length,
      write: (into, at) => {
        const fields = {
          trafficClass: 0,
          flowLabel: 0,
          payloadLength: length,
          nextHeader: PROTOCOL_ICMPV6,
          hopLimit: 255,
          source: source.toIpv6(),
          destination: to.toIpv6(),
        };
        const body = emitIpv6(fields, into, at);
        const end = emitIcmpv6(message, into, body);
        const of = { addressLength: 16 as const, protocol: PROTOCOL_ICMPV6, length };
        sealIcmpv6(into, body, end, pseudoSumAt(into, at + IPV6_ADDRESSES_OFFSET, of));
      },
    });
  }
}

function linkLayer(options: readonly NdpOption[], kind: 'source-link-layer' | 'target-link-layer') {
  for (const option of options) {
    if (option.kind === kind && 'mac' in option && !isGroupMac(option.mac) && option.mac !== 0)
      return option.mac;
  }
  return undefined;
}
