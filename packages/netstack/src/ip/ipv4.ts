import type { Random } from '@orlop/core';
import {
  checkIpv4,
  ETHERTYPE_IPV4,
  foldSum,
  IPV4_HEADER_LEN,
  Ipv4View,
  isGroupMac,
  MAC_BROADCAST,
  type MacAddress,
  macOfIpv4Group,
  readU16,
  writeU16,
} from '@orlop/wire';
import type { EthernetPort, EthernetReceiver, QueuedFrame } from '../ethernet.ts';
import type { Neighbour, NeighbourCache } from '../neighbours/neighbour-cache.ts';
import { IpAddress, readWord } from './address.ts';
import type { IpLayer } from './ip-layer.ts';
import type { HeaderOptions, IpPath, IpVersion } from './path.ts';
import { Reassembly } from './reassembly.ts';

const DEFAULT_TTL = 64;
const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const NO_VERIFY = { verifyChecksum: false };
const VERIFY = { verifyChecksum: true };

export interface Ipv4Dependencies {
  readonly ip: IpLayer;
  readonly ethernet: EthernetPort;
  readonly neighbours: NeighbourCache;
  readonly random: Random;
}

/** IPv4 (RFC 791, RFC 1122): receiving with reassembly, header templates and fragments for sending. */
export class Ipv4 implements IpVersion, EthernetReceiver {
  readonly number = 4;
  readonly headerLength = IPV4_HEADER_LEN;
  /** RFC 1191 allows 68; below 552 it is a known attack on TCP, and Linux's least. */
  readonly minMtu = 552;
  readonly reassembly = new Reassembly();
  readonly #ip: IpLayer;
  readonly #neighbours: NeighbourCache;
  readonly #broadcast: Neighbour;
  #identification: number;

  constructor(dependencies: Ipv4Dependencies) {
    this.#ip = dependencies.ip;
    this.#neighbours = dependencies.neighbours;
    this.#broadcast = this.#neighbours.fixed(IpAddress.v4(-1), MAC_BROADCAST);
    this.#identification = dependencies.random.u32() & 0xffff;
    dependencies.ethernet.register(ETHERTYPE_IPV4, this);
    dependencies.ip.install(this);
  }

  receive(bytes: Uint8Array, offset: number, end: number, source: MacAddress, now: number): void {
    const { counters, addresses, packet } = this.#ip;
    const malformed = checkIpv4(bytes, offset, end, this.#ip.trustedLink ? NO_VERIFY : VERIFY);
    if (malformed !== undefined) {
      if (malformed === 'bad-checksum') counters.badChecksum++;
      else counters.malformed++;
      return;
    }
    const from = readWord(bytes, offset + 12);
    const to = readWord(bytes, offset + 16);
    const toUs = addresses.isLocalVersion4(to);
    const toGroup = addresses.isBroadcastVersion4(to) || to >>> 28 === 0xe;
    if (
      isForeignSource(from) ||
      addresses.isBroadcastVersion4(from) ||
      isGroupMac(source) ||
      (!toUs && !toGroup && !this.#ip.promiscuous)
    ) {
      counters.notForUs++;
      return;
    }
    packet.version = 4;
    packet.isFragmented = Ipv4View.isFragment(bytes, offset);
    packet.bytes = bytes;
    packet.header = offset;
    packet.payload = offset + Ipv4View.headerLength(bytes, offset);
    packet.end = offset + Ipv4View.totalLength(bytes, offset);
    packet.protocol = Ipv4View.protocol(bytes, offset);
    packet.hopLimit = Ipv4View.ttl(bytes, offset);
    packet.source0 = packet.source1 = packet.destination0 = packet.destination1 = 0;
    packet.source2 = packet.destination2 = 0xffff;
    packet.source3 = from;
    packet.destination3 = to;
    packet.toUs = toUs;
    packet.toGroup = toGroup;
    packet.addressSum = (from >>> 16) + (from & 0xffff) + (to >>> 16) + (to & 0xffff);
    if (packet.isFragmented && !this.#reassemble(now)) return;
    this.#ip.deliver(now);
  }

  neighbour(nextHop: IpAddress): Neighbour {
    if (nextHop.isMulticast) return this.#neighbours.fixed(nextHop, macOfIpv4Group(nextHop.toIpv4()));
    if (this.#ip.addresses.isBroadcastVersion4(nextHop.w3)) return this.#broadcast;
    return this.#neighbours.get(nextHop);
  }

  prepare(neighbour: Neighbour, now: number): boolean {
    return this.#neighbours.prepare(neighbour, now);
  }

  hold(neighbour: Neighbour, frame: QueuedFrame): void {
    this.#neighbours.hold(neighbour, frame);
  }

  template(source: IpAddress, destination: IpAddress, protocol: number): Uint8Array {
    const header = new Uint8Array(IPV4_HEADER_LEN);
    header[0] = 0x45;
    writeU16(header, 6, DONT_FRAGMENT);
    header[8] = DEFAULT_TTL;
    header[9] = protocol;
    source.write(header, 12);
    destination.write(header, 16);
    return header;
  }

  /** Identification stays 0: a packet with DF is atomic (RFC 6864 §4.1). */
  writeHeader(path: IpPath, into: Uint8Array, at: number, length: number): void {
    const total = IPV4_HEADER_LEN + length;
    const { template } = path;
    for (let index = 0; index < IPV4_HEADER_LEN; index++) into[at + index] = template[index];
    writeU16(into, at + 2, total);
    writeU16(into, at + 10, ~foldSum(path.templateSum + total) & 0xffff);
  }

  writeHeaderWith(path: IpPath, into: Uint8Array, at: number, length: number, options: HeaderOptions): void {
    this.writeHeader(path, into, at, length);
    if (options.hopLimit !== undefined) into[at + 8] = options.hopLimit;
    if (options.mayFragment === true) {
      writeU16(into, at + 4, this.#nextIdentification());
      writeU16(into, at + 6, 0);
    }
    if (options.hopLimit !== undefined || options.mayFragment === true) seal(into, at);
  }

  fragment(path: IpPath, payload: Uint8Array, options: HeaderOptions): Uint8Array[] {
    const step = (path.mtu - IPV4_HEADER_LEN) & ~7;
    const identification = this.#nextIdentification();
    const packets: Uint8Array[] = [];
    for (let from = 0; from < payload.length; from += step) {
      const part = payload.subarray(from, from + step);
      const packet = new Uint8Array(IPV4_HEADER_LEN + part.length);
      this.writeHeader(path, packet, 0, part.length);
      writeU16(packet, 4, identification);
      writeU16(packet, 6, (from + step < payload.length ? MORE_FRAGMENTS : 0) | (from >>> 3));
      if (options.hopLimit !== undefined) packet[8] = options.hopLimit;
      seal(packet, 0);
      packet.set(part, IPV4_HEADER_LEN);
      packets.push(packet);
    }
    return packets;
  }

  #nextIdentification(): number {
    this.#identification = (this.#identification + 1) & 0xffff;
    return this.#identification;
  }

  /** True when the packet at hand has become whole. */
  #reassemble(now: number): boolean {
    const { packet, counters } = this.#ip;
    const { bytes, header } = packet;
    counters.fragmentsIn++;
    const id = Ipv4View.identification(bytes, header);
    const whole = this.reassembly.add(
      {
        key: `${packet.source3},${packet.destination3},${id},${packet.protocol}`,
        offset: Ipv4View.fragmentOffset(bytes, header),
        more: Ipv4View.moreFragments(bytes, header),
        bytes: bytes.subarray(packet.payload, packet.end),
      },
      now,
    );
    if (whole === undefined) return false;
    // Errors quote the header of the packet: it stands before the whole payload as in an unfragmented one.
    const rebuilt = new Uint8Array(IPV4_HEADER_LEN + whole.length);
    rebuilt.set(bytes.subarray(header, header + IPV4_HEADER_LEN));
    rebuilt[0] = 0x45;
    writeU16(rebuilt, 2, Math.min(0xffff, rebuilt.length));
    writeU16(rebuilt, 6, 0);
    rebuilt.set(whole, IPV4_HEADER_LEN);
    seal(rebuilt, 0);
    packet.bytes = rebuilt;
    packet.header = 0;
    packet.payload = IPV4_HEADER_LEN;
    packet.end = rebuilt.length;
    return true;
  }
}

/** Nobody honest sends from a group or from loopback, nor from a broadcast address (RFC 1122 §3.2.1.3). */
function isForeignSource(word: number): boolean {
  return word >>> 28 === 0xe || word >>> 24 === 127;
}

function seal(bytes: Uint8Array, at: number): void {
  writeU16(bytes, at + 10, 0);
  let sum = 0;
  for (let offset = 0; offset < IPV4_HEADER_LEN; offset += 2) sum += readU16(bytes, at + offset);
  writeU16(bytes, at + 10, ~foldSum(sum) & 0xffff);
}
