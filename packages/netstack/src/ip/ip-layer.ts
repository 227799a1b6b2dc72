import { ETHERNET_HEADER_LEN, sumBytes } from '@orlop/wire';
import type { EthernetPort, QueuedFrame } from '../ethernet.ts';
import type { FrameSink } from '../face.ts';
import type { IpAddress, IpPrefix } from './address.ts';
import { InterfaceAddresses } from './local-addresses.ts';
import { IpPacket, type TransportProtocol } from './packet.ts';
import type { HeaderOptions, IpPath, IpVersion } from './path.ts';
import { PathMtuCache } from './path-mtu.ts';
import { type Route, RouteTable } from './routes.ts';

/** `begin` could not: the link takes no more now. */
export const LINK_FULL = -1;

export interface IpCounters {
  packetsIn: number;
  packetsOut: number;
  malformed: number;
  badChecksum: number;
  notForUs: number;
  unknownProtocol: number;
  fragmentsIn: number;
  noRoute: number;
  /** Their hop limit ends here. */
  expired: number;
}

export interface IpLayerOptions {
  readonly ethernet: EthernetPort;
  readonly addresses: readonly IpPrefix[];
  readonly routes?: readonly Route[];
  readonly mtu: number;
  readonly promiscuous: boolean;
  /** What is not for us has this hop behind it: it must have another one left. */
  readonly router: boolean;
  /** Received checksums need not be verified. */
  readonly trustedLink: boolean;
}

/** A payload that writes itself behind the IP header. */
export interface PacketBody {
  readonly length: number;
  write(into: Uint8Array, offset: number): void;
}

/** What IPv4 and IPv6 share: addresses, routes, paths, the protocols above, and sending. */
export class IpLayer {
  readonly addresses: InterfaceAddresses;
  readonly routes: RouteTable;
  readonly pathMtus = new PathMtuCache();
  readonly mtu: number;
  readonly promiscuous: boolean;
  readonly router: boolean;
  readonly trustedLink: boolean;
  readonly counters: IpCounters = {
    packetsIn: 0,
    packetsOut: 0,
    malformed: 0,
    badChecksum: 0,
    notForUs: 0,
    unknownProtocol: 0,
    fragmentsIn: 0,
    noRoute: 0,
    expired: 0,
  };
  /** The packet at hand. */
  readonly packet = new IpPacket();
  /** The last time that anybody told. */
  now = 0;
  readonly #ethernet: EthernetPort;
  readonly #protocols = new Map<number, TransportProtocol>();
  readonly #versions = new Map<4 | 6, IpVersion>();
  #onUnknownProtocol: ((packet: IpPacket) => void) | undefined;
  #onExpired: ((packet: IpPacket) => void) | undefined;

  constructor(options: IpLayerOptions) {
    this.#ethernet = options.ethernet;
    this.addresses = new InterfaceAddresses(options.addresses);
    this.routes = new RouteTable([
      ...options.addresses.map((prefix) => ({ prefix })),
      ...(options.routes ?? []),
    ]);
    this.mtu = options.mtu;
    this.promiscuous = options.promiscuous;
    this.router = options.router;
    this.trustedLink = options.trustedLink;
  }

  install(version: IpVersion): void {
    this.#versions.set(version.number, version);
  }

  register(protocolNumber: number, protocol: TransportProtocol): void {
    this.#protocols.set(protocolNumber, protocol);
  }

  /** Who answers packets of protocols that nobody registered. */
  onUnknownProtocol(handler: (packet: IpPacket) => void): void {
    this.#onUnknownProtocol = handler;
  }

  /** Who answers packets that may go no further (RFC 1812 §5.3.1). */
  onExpired(handler: (packet: IpPacket) => void): void {
    this.#onExpired = handler;
  }

  protocol(number: number): TransportProtocol | undefined {
    return this.#protocols.get(number);
  }

  /** Gives `packet` to its protocol. */
  deliver(now: number): void {
    const packet = this.packet;
    this.counters.packetsIn++;
    if (this.router && packet.hopLimit <= 1 && !packet.toUs && !packet.toGroup) {
      this.counters.expired++;
      this.#onExpired?.(packet);
      return;
    }
    const protocol = this.#protocols.get(packet.protocol);
    if (protocol !== undefined) {
      protocol.receive(packet, now);
      return;
    }
    this.counters.unknownProtocol++;
    this.#onUnknownProtocol?.(packet);
  }

  /** The way to `destination`; undefined without a route or without an address of that version. */
  path(destination: IpAddress, protocol: number, from?: IpAddress): IpPath | undefined {
    const version = this.#versions.get(destination.version);
    const source = from ?? this.addresses.sourceFor(destination);
    const isGroup =
      destination.isMulticast ||
      (destination.version === 4 && this.addresses.isBroadcastVersion4(destination.w3));
    const nextHop = isGroup ? destination : this.routes.nextHop(destination);
    if (version === undefined || source === undefined || nextHop === undefined) {
      this.counters.noRoute++;
      return undefined;
    }
    const template = version.template(source, destination, protocol);
    const addresses = destination.version === 4 ? 8 : 32;
    const learnt = this.pathMtus.get(destination, this.now);
    return {
      version,
      source,
      destination,
      protocol,
      nextHop,
      neighbour: version.neighbour(nextHop),
      mtu: learnt?.mtu ?? this.mtu,
      mtuUntil: learnt?.until ?? Number.POSITIVE_INFINITY,
      template,
      templateSum: sumBytes(template, 0, template.length),
      pseudoSum: sumBytes(template, template.length - addresses, template.length) + protocol,
    };
  }

  /**
   * A router said that packets of `path` may be no larger than `mtu` bytes (RFC 1191, RFC 8201): so it is for ten
   * minutes. Precondition: that is less than what the path has.
   */
  lowerMtu(path: IpPath, mtu: number, now: number): void {
    path.mtu = mtu;
    path.mtuUntil = this.pathMtus.learn(path.destination, mtu, now);
  }

  /**
   * To be called before `path.mtu` is used when `now >= path.mtuUntil`: the link's MTU is tried again, or what has
   * been learnt of the destination since (RFC 1191 §6.3, RFC 8201 §4).
   */
  renewMtu(path: IpPath, now: number): void {
    const learnt = this.pathMtus.get(path.destination, now);
    path.mtu = learnt?.mtu ?? this.mtu;
    path.mtuUntil = learnt?.until ?? Number.POSITIVE_INFINITY;
  }

  /** Whether the next hop is known. If not it is being asked for, and a waiter of the neighbour is told. */
  isResolved(path: IpPath, now: number): boolean {
    return this.#resolve(path, now) !== undefined;
  }

  /**
   * Begins a packet with `length` bytes after the IP header, straight into the sink. Returns where these bytes
   * belong in `sink.buffer`, or {@link LINK_FULL}; otherwise `finish` must follow. Precondition: `isResolved`.
   */
  begin(sink: FrameSink, path: IpPath, length: number): number {
    const header = path.neighbour.header ?? EMPTY;
    const ipLength = path.version.headerLength;
    if (!sink.reserve(ETHERNET_HEADER_LEN + ipLength + length)) return LINK_FULL;
    const { buffer, offset } = sink;
    for (let index = 0; index < ETHERNET_HEADER_LEN; index++) buffer[offset + index] = header[index];
    path.version.writeHeader(path, buffer, offset + ETHERNET_HEADER_LEN, length);
    return offset + ETHERNET_HEADER_LEN + ipLength;
  }

  finish(sink: FrameSink, path: IpPath, length: number, segmentSize?: number): void {
    this.counters.packetsOut++;
    this.#ethernet.commit(sink, ETHERNET_HEADER_LEN + path.version.headerLength + length, segmentSize);
  }

  /** Queues a packet for the next poll, in fragments if it is too large. False when the queue is full. */
  send(path: IpPath, body: PacketBody, options: HeaderOptions = {}): boolean {
    const headerLength = path.version.headerLength;
    if (headerLength + body.length <= path.mtu) {
      return this.#queue(path, headerLength + body.length, (into, at) => {
        path.version.writeHeaderWith(path, into, at, body.length, options);
        body.write(into, at + headerLength);
      });
    }
    const payload = new Uint8Array(body.length);
    body.write(payload, 0);
    for (const packet of path.version.fragment(path, payload, options)) {
      if (!this.#queue(path, packet.length, (into, at) => into.set(packet, at))) return false;
    }
    return true;
  }

  #queue(path: IpPath, length: number, write: QueuedFrame['write']): boolean {
    const header = this.#resolve(path, this.now);
    this.counters.packetsOut++;
    if (header !== undefined) return this.#ethernet.enqueue({ header, length, write });
    path.version.hold(path.neighbour, { header: EMPTY, length, write });
    return true;
  }

  #resolve(path: IpPath, now: number): Uint8Array | undefined {
    if (path.neighbour.state === 'evicted') path.neighbour = path.version.neighbour(path.nextHop);
    return path.version.prepare(path.neighbour, now) ? path.neighbour.header : undefined;
  }
}

const EMPTY = new Uint8Array(0);
