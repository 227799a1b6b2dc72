import type { Random } from '@orlop/core';
import {
  checkIpv6,
  ETHERTYPE_IPV6,
  emitIpv6Fragment,
  IPV6_FRAGMENT_HEADER_LEN,
  IPV6_HEADER_LEN,
  IPV6_MIN_MTU,
  Ipv6ExtensionsView,
  Ipv6View,
  isGroupMac,
  type MacAddress,
  macOfIpv6Group,
  PROTOCOL_FRAGMENT,
  sumBytes,
  writeU16,
} from '@orlop/wire';
import type { EthernetPort, EthernetReceiver, QueuedFrame } from '../ethernet.ts';
import type { Neighbour, NeighbourCache } from '../neighbours/neighbour-cache.ts';
import { type IpAddress, readWord } from './address.ts';
import type { IpLayer } from './ip-layer.ts';
import type { HeaderOptions, IpPath, IpVersion } from './path.ts';
import { Reassembly } from './reassembly.ts';

const DEFAULT_HOP_LIMIT = 64;

export interface Ipv6Dependencies {
  readonly ip: IpLayer;
  readonly ethernet: EthernetPort;
  readonly neighbours: NeighbourCache;
  readonly random: Random;
}

/** IPv6 (RFC 8200): receiving with extension headers and reassembly, header templates and fragments for sending. */
export class Ipv6 implements IpVersion, EthernetReceiver {
  readonly number = 6;
  readonly headerLength = IPV6_HEADER_LEN;
  readonly minMtu = IPV6_MIN_MTU;
  readonly reassembly = new Reassembly({ timeoutMs: 60_000 });
  readonly #ip: IpLayer;
  readonly #neighbours: NeighbourCache;
  readonly #extensions = new Ipv6ExtensionsView();
  #identification: number;

  constructor(dependencies: Ipv6Dependencies) {
    this.#ip = dependencies.ip;
    this.#neighbours = dependencies.neighbours;
    this.#identification = dependencies.random.u32() >>> 0;
    dependencies.ethernet.register(ETHERTYPE_IPV6, this);
    dependencies.ip.install(this);
  }

  receive(bytes: Uint8Array, offset: number, end: number, source: MacAddress, now: number): void {
    const { counters, addresses, packet } = this.#ip;
    if (checkIpv6(bytes, offset, end) !== undefined || isGroupMac(source)) {
      counters.malformed++;
      return;
    }
    packet.version = 6;
    packet.bytes = bytes;
    packet.header = offset;
    packet.hopLimit = Ipv6View.hopLimit(bytes, offset);
    packet.source0 = readWord(bytes, offset + 8);
    packet.source1 = readWord(bytes, offset + 12);
    packet.source2 = readWord(bytes, offset + 16);
    packet.source3 = readWord(bytes, offset + 20);
    packet.destination0 = readWord(bytes, offset + 24);
    packet.destination1 = readWord(bytes, offset + 28);
    packet.destination2 = readWord(bytes, offset + 32);
    packet.destination3 = readWord(bytes, offset + 36);
    packet.toGroup = packet.destination0 >>> 24 === 0xff;
    packet.toUs =
      !packet.toGroup &&
      addresses.isLocalVersion6(
        packet.destination0,
        packet.destination1,
        packet.destination2,
        packet.destination3,
      );
    const fromGroup = packet.source0 >>> 24 === 0xff;
    if (fromGroup || (!packet.toUs && !packet.toGroup && !this.#ip.promiscuous)) {
      counters.notForUs++;
      return;
    }
    packet.end = offset + IPV6_HEADER_LEN + Ipv6View.payloadLength(bytes, offset);
    if (!this.#readExtensions()) return;
    packet.isFragmented = this.#extensions.fragmentHeader >= 0;
    packet.addressSum = sumBytes(bytes, offset + 8, offset + 40);
    if (this.#extensions.isFragment && !this.#reassemble(now)) return;
    this.#ip.deliver(now);
  }

  /** What the packet at hand carries behind its extension headers; false when that cannot be told. */
  #readExtensions(): boolean {
    const { packet, counters } = this.#ip;
    const { bytes, header, end } = packet;
    const chain = this.#extensions;
    const of = { nextHeader: Ipv6View.nextHeader(bytes, header), end };
    if (chain.read(bytes, header + IPV6_HEADER_LEN, of) !== undefined) {
      counters.malformed++;
      return false;
    }
    packet.payload = chain.payloadOffset;
    packet.protocol = chain.protocol;
    return true;
  }

  neighbour(nextHop: IpAddress): Neighbour {
    if (nextHop.isMulticast) return this.#neighbours.fixed(nextHop, macOfIpv6Group(nextHop.toIpv6()));
    return this.#neighbours.get(nextHop);
  }

  prepare(neighbour: Neighbour, now: number): boolean {
    return this.#neighbours.prepare(neighbour, now);
  }

  hold(neighbour: Neighbour, frame: QueuedFrame): void {
    this.#neighbours.hold(neighbour, frame);
  }

  template(source: IpAddress, destination: IpAddress, protocol: number): Uint8Array {
    const header = new Uint8Array(IPV6_HEADER_LEN);
    header[0] = 0x60;
    header[6] = protocol;
    header[7] = DEFAULT_HOP_LIMIT;
    source.write(header, 8);
    destination.write(header, 24);
    return header;
  }

  writeHeader(path: IpPath, into: Uint8Array, at: number, length: number): void {
    const { template } = path;
    for (let index = 0; index < IPV6_HEADER_LEN; index++) into[at + index] = template[index];
    writeU16(into, at + 4, length);
  }

  writeHeaderWith(path: IpPath, into: Uint8Array, at: number, length: number, options: HeaderOptions): void {
    this.writeHeader(path, into, at, length);
    if (options.hopLimit !== undefined) into[at + 7] = options.hopLimit;
  }

  fragment(path: IpPath, payload: Uint8Array, options: HeaderOptions): Uint8Array[] {
    const step = (path.mtu - IPV6_HEADER_LEN - IPV6_FRAGMENT_HEADER_LEN) & ~7;
    this.#identification = (this.#identification + 1) >>> 0;
    const packets: Uint8Array[] = [];
    for (let from = 0; from < payload.length; from += step) {
      const part = payload.subarray(from, from + step);
      const packet = new Uint8Array(IPV6_HEADER_LEN + IPV6_FRAGMENT_HEADER_LEN + part.length);
      this.writeHeaderWith(path, packet, 0, packet.length - IPV6_HEADER_LEN, options);
      packet[6] = PROTOCOL_FRAGMENT;
      const fields = {
        nextHeader: path.protocol,
        identification: this.#identification,
        fragmentOffset: from,
        moreFragments: from + step < payload.length,
      };
      packet.set(part, emitIpv6Fragment(fields, packet, IPV6_HEADER_LEN));
      packets.push(packet);
    }
    return packets;
  }

  /** True when the packet at hand has become whole. */
  #reassemble(now: number): boolean {
    const { packet, counters } = this.#ip;
    const { bytes, header } = packet;
    const chain = this.#extensions;
    counters.fragmentsIn++;
    const addresses = [packet.source0, packet.source1, packet.source2, packet.source3].concat(
      packet.destination0,
      packet.destination1,
      packet.destination2,
      packet.destination3,
    );
    const whole = this.reassembly.add(
      {
        key: `${addresses.join()},${chain.identification}`,
        offset: chain.fragmentOffset,
        more: chain.moreFragments,
        // Headers behind the fragment header belong to what was cut (RFC 8200 §4.5).
        bytes: bytes.subarray(chain.fragmentHeader + IPV6_FRAGMENT_HEADER_LEN, packet.end),
      },
      now,
    );
    if (whole === undefined) return false;
    // Only the first fragment names the protocol for sure; ours and Linux's name the same in all (RFC 8200 §4.5).
    const rebuilt = new Uint8Array(IPV6_HEADER_LEN + whole.length);
    rebuilt.set(bytes.subarray(header, header + IPV6_HEADER_LEN));
    rebuilt[6] = bytes[chain.fragmentHeader];
    writeU16(rebuilt, 4, whole.length);
    rebuilt.set(whole, IPV6_HEADER_LEN);
    packet.bytes = rebuilt;
    packet.header = 0;
    packet.end = rebuilt.length;
    if (!this.#readExtensions()) return false;
    if (!chain.isFragment) return true;
    counters.malformed++;
    return false;
  }
}
