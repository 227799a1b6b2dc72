import type { Random } from '@orlop/core';
import {
  checkUdp,
  emitUdp,
  foldSum,
  IPV4_HEADER_LEN,
  PROTOCOL_UDP,
  sealUdp,
  UDP_HEADER_LEN,
  UdpView,
  verifyUdp,
} from '@orlop/wire';
import { netstackError } from '../errors.ts';
import type {
  Endpoint,
  IcmpReporter,
  UdpBindOptions,
  UdpCounters,
  UdpDatagram,
  UdpHandler,
  UdpService,
  UdpSocket,
  UndeliverableKind,
} from '../face.ts';
import { type ErrorSender, refused } from '../icmp/icmp.ts';
import { rebuildQuote } from '../icmp/rebuilt-quote.ts';
import type { IpAddress } from '../ip/address.ts';
import type { IpLayer } from '../ip/ip-layer.ts';
import type { IcmpErrorReport, IpPacket, TransportProtocol } from '../ip/packet.ts';
import type { IpPath } from '../ip/path.ts';
import { EPHEMERAL_PORTS, type PortRange } from '../ports.ts';

export interface UdpDependencies {
  readonly ip: IpLayer;
  readonly errors: ErrorSender;
  readonly random: Random;
  /** The link fills in checksums. */
  readonly checksumOffload: boolean;
}

interface Binding {
  readonly port: number;
  readonly address: IpAddress | undefined;
  readonly handler: UdpHandler;
}

/** Paths are cached for this many pairs of addresses. */
const MAX_PATHS = 256;

/** UDP (RFC 768, RFC 1122 §4.1). */
export class Udp implements UdpService, TransportProtocol {
  readonly counters: UdpCounters = {
    datagramsIn: 0,
    datagramsOut: 0,
    badChecksum: 0,
    malformed: 0,
    noPort: 0,
    queueFull: 0,
  };
  readonly #dependencies: UdpDependencies;
  readonly #bindings = new Map<number, Binding[]>();
  readonly #paths = new Map<string, IpPath>();
  /** Of the last datagram: most often the next one's too. */
  #lastPath: { readonly from: IpAddress; readonly to: IpAddress; readonly path: IpPath } | undefined;
  #any: UdpHandler | undefined;

  constructor(dependencies: UdpDependencies) {
    this.#dependencies = dependencies;
    dependencies.ip.register(PROTOCOL_UDP, this);
  }

  bind(options: UdpBindOptions, handler: UdpHandler): UdpSocket {
    const port = options.port ?? this.#freePort(EPHEMERAL_PORTS);
    const { address } = options;
    const others = this.#bindings.get(port) ?? [];
    const taken = others.some(
      (o) => o.address === undefined || address === undefined || o.address.equals(address),
    );
    if (taken) throw netstackError('netstack.port-in-use', `UDP port ${port} is in use`);
    const binding: Binding = { port, address, handler };
    this.#bindings.set(port, [...others, binding]);
    return {
      port,
      send: (bytes, remote, from) => this.#sendFrom(binding, bytes, remote, from),
      close: () => this.#unbind(binding),
    };
  }

  listenAny(handler: UdpHandler | undefined): void {
    this.#any = handler;
  }

  send(datagram: UdpDatagram): boolean {
    const { local, remote, bytes } = datagram;
    const path = this.#path(local.address, remote.address);
    const length = UDP_HEADER_LEN + bytes.length;
    if (path === undefined || length > 0xffff - (path.version.number === 4 ? IPV4_HEADER_LEN : 0))
      return false;
    const { checksumOffload, ip } = this.#dependencies;
    if (ip.now >= path.mtuUntil) ip.renewMtu(path, ip.now);
    const pseudoSum = foldSum(path.pseudoSum + length);
    const fragmented = path.version.headerLength + length > path.mtu;
    const write = (into: Uint8Array, at: number): void => {
      const fields = { sourcePort: local.port, destinationPort: remote.port, payloadLength: bytes.length };
      into.set(bytes, emitUdp(fields, into, at));
      // The link cannot compute a checksum that covers several packets.
      if (!checksumOffload || fragmented) sealUdp(into, at, at + length, pseudoSum);
      else into.set([pseudoSum >>> 8, pseudoSum & 0xff], at + 6);
    };
    const sent = ip.send(path, { length, write }, { mayFragment: true });
    if (sent) this.counters.datagramsOut++;
    else this.counters.queueFull++;
    return sent;
  }

  reject(datagram: Omit<UdpDatagram, 'bytes'>, how: UndeliverableKind, by?: IcmpReporter): void {
    const { local, remote } = datagram;
    // The way back is the one that there is surely a route for.
    const path = this.#path(local.address, remote.address);
    if (path === undefined) return;
    const fields = { sourcePort: remote.port, destinationPort: local.port, payloadLength: 0 };
    const quote = rebuildQuote(path, local.address, {
      length: UDP_HEADER_LEN,
      emit: (into, at) => emitUdp(fields, into, at),
    });
    const about = { local: local.address, remote: remote.address, bytes: quote };
    this.#dependencies.errors.undeliverable(about, how, by);
  }

  receive(packet: IpPacket): void {
    const { bytes, payload, end } = packet;
    this.counters.datagramsIn++;
    if (checkUdp(bytes, payload, end) !== undefined) {
      this.counters.malformed++;
      return;
    }
    const length = UdpView.length(bytes, payload);
    if (!this.#dependencies.ip.trustedLink && !verify(packet, length)) {
      this.counters.badChecksum++;
      return;
    }
    const port = UdpView.destinationPort(bytes, payload);
    const handler = this.#handlerOf(packet, port);
    if (handler === undefined) {
      this.counters.noPort++;
      if (packet.toUs) this.#dependencies.errors.undeliverable(refused(packet), 'port-unreachable');
      return;
    }
    handler.onDatagram({
      local: { address: packet.destinationAddress(), port },
      remote: { address: packet.sourceAddress(), port: UdpView.sourcePort(bytes, payload) },
      bytes: bytes.subarray(payload + UDP_HEADER_LEN, payload + length),
      hopLimit: packet.hopLimit,
    });
  }

  onIcmpError(report: IcmpErrorReport, now: number): void {
    const { quoted, kind, from, mtu } = report;
    if (quoted.end - quoted.offset < UDP_HEADER_LEN) return;
    const local: Endpoint = { address: quoted.local, port: UdpView.sourcePort(quoted.bytes, quoted.offset) };
    const remote: Endpoint = {
      address: quoted.remote,
      port: UdpView.destinationPort(quoted.bytes, quoted.offset),
    };
    const handler = this.#bound(local.address, local.port) ?? this.#any;
    if (handler === undefined) return;
    if (kind === 'too-big') this.#lowerMtu(local.address, remote.address, mtu, now);
    handler.onError?.({ kind, local, remote, from, ...(kind === 'too-big' ? { mtu } : {}) });
  }

  #handlerOf(packet: IpPacket, port: number): UdpHandler | undefined {
    const bindings = this.#bindings.get(port);
    if (bindings === undefined) return this.#any;
    const local = packet.destinationAddress();
    for (const binding of bindings) {
      if (binding.address === undefined ? packet.toUs || packet.toGroup : binding.address.equals(local)) {
        return binding.handler;
      }
    }
    return packet.toGroup ? bindings[0].handler : this.#any;
  }

  #bound(address: IpAddress, port: number): UdpHandler | undefined {
    const bindings = this.#bindings.get(port) ?? [];
    return bindings.find((b) => b.address === undefined || b.address.equals(address))?.handler;
  }

  #sendFrom(binding: Binding, bytes: Uint8Array, remote: Endpoint, from: IpAddress | undefined): boolean {
    const source = from ?? binding.address ?? this.#dependencies.ip.addresses.sourceFor(remote.address);
    if (source === undefined) return false;
    return this.send({ local: { address: source, port: binding.port }, remote, bytes });
  }

  #unbind(binding: Binding): void {
    const left = (this.#bindings.get(binding.port) ?? []).filter((other) => other !== binding);
    if (left.length === 0) this.#bindings.delete(binding.port);
    else this.#bindings.set(binding.port, left);
  }

  #path(from: IpAddress, to: IpAddress): IpPath | undefined {
    const last = this.#lastPath;
    if (last?.from.equals(from) && last.to.equals(to)) return last.path;
    const path = this.#findPath(from, to);
    this.#lastPath = path === undefined ? undefined : { from, to, path };
    return path;
  }

  #findPath(from: IpAddress, to: IpAddress): IpPath | undefined {
    const key = `${from}>${to}`;
    const known = this.#paths.get(key);
    if (known !== undefined) return known;
    const path = this.#dependencies.ip.path(to, PROTOCOL_UDP, from);
    if (path === undefined) return undefined;
    if (this.#paths.size >= MAX_PATHS) this.#paths.clear();
    this.#paths.set(key, path);
    return path;
  }

  #lowerMtu(from: IpAddress, to: IpAddress, mtu: number, now: number): void {
    const path = this.#path(from, to);
    if (path === undefined || mtu >= path.mtu || mtu < path.version.minMtu) return;
    this.#dependencies.ip.lowerMtu(path, mtu, now);
  }

  #freePort(range: PortRange): number {
    const count = range.last - range.first + 1;
    const start = this.#dependencies.random.u32() % count;
    for (let step = 0; step < count; step++) {
      const port = range.first + ((start + step) % count);
      if (!this.#bindings.has(port)) return port;
    }
    throw netstackError('netstack.no-free-port', `all UDP ports ${range.first}-${range.last} are in use`);
  }
}

/** RFC 8200 §8.1: over IPv6 a datagram without a checksum is not accepted. */
function verify(packet: IpPacket, length: number): boolean {
  const { bytes, payload } = packet;
  if (packet.version === 6 && UdpView.checksum(bytes, payload) === 0) return false;
  const pseudoSum = foldSum(packet.addressSum + PROTOCOL_UDP + length);
  return verifyUdp(bytes, payload, payload + length, pseudoSum);
}
