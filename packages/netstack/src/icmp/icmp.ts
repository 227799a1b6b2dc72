import {
  emitIcmp,
  emitIcmpv6,
  foldSum,
  ICMP_ADMINISTRATIVELY_PROHIBITED,
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  ICMP_HEADER_LEN,
  ICMP_HOST_UNREACHABLE,
  ICMP_NETWORK_UNREACHABLE,
  ICMP_PORT_UNREACHABLE,
  ICMP_PROTOCOL_UNREACHABLE,
  ICMPV6_ADDRESS_UNREACHABLE,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  ICMPV6_HEADER_LEN,
  ICMPV6_NO_ROUTE,
  ICMPV6_PORT_UNREACHABLE,
  ICMPV6_PROHIBITED,
  ICMPV6_REDIRECT,
  ICMPV6_ROUTER_SOLICITATION,
  type IcmpFields,
  IcmpView,
  type Icmpv6Fields,
  icmpv6Length,
  isIcmpError,
  isIcmpv6Error,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  parseIcmpv6,
  sealIcmp,
  sealIcmpv6,
  verifyIcmp,
  verifyIcmpv6,
} from '@orlop/wire';
import type {
  EchoMessage,
  IcmpCounters,
  IcmpReporter,
  IcmpService,
  Icmpv6Message,
  UndeliverableKind,
} from '../face.ts';
import type { IpAddress } from '../ip/address.ts';
import type { IpLayer } from '../ip/ip-layer.ts';
import type { IcmpErrorReport, IpPacket, TransportProtocol } from '../ip/packet.ts';
import type { Ndp } from '../neighbours/ndp.ts';
import { errorKind, readQuote } from './quote.ts';
import { RateLimit } from './rate-limit.ts';
import { rebuildQuote } from './rebuilt-quote.ts';
import { RecentEchoes } from './recent-echoes.ts';

/**
 * RFC 1812 §4.3.2.3: an error quotes as much as keeps it within 576 bytes; RFC 4443 §2.4: within 1280, which every path
 * of IPv6 carries whole.
 */
const MAX_QUOTE_4 = 576 - 20 - ICMP_HEADER_LEN;
const MAX_QUOTE_6 = 1280 - 40 - ICMPV6_HEADER_LEN;

/** Sends ICMP errors about packets that cannot be delivered; what UDP, TCP and IP see of ICMP. */
export interface ErrorSender {
  /** @param by - in whose name. @default the host itself about its ports and protocols, else us */
  undeliverable(about: RefusedPacket, kind: RefusalKind, by?: IcmpReporter): void;
}

type RefusalKind = UndeliverableKind | 'protocol-unreachable';

/** A received packet to complain about. */
export interface RefusedPacket {
  readonly local: IpAddress;
  readonly remote: IpAddress;
  /** The packet from its IP header on, or as much as is known; it is copied. */
  readonly bytes: Uint8Array;
}

export interface IcmpDependencies {
  readonly ip: IpLayer;
  /** Absent: no IPv6. */
  readonly ndp?: Ndp;
}

/** ICMP (RFC 792, RFC 1122 §3.2.2) and ICMPv6 (RFC 4443): echo, errors in and out. */
export class Icmp implements IcmpService, TransportProtocol, ErrorSender {
  onEchoRequest: ((message: EchoMessage) => void) | undefined;
  onEchoReply: ((message: EchoMessage) => void) | undefined;
  onIcmpv6: ((message: Icmpv6Message) => void) | undefined;
  readonly counters: IcmpCounters = {
    messagesIn: 0,
    messagesOut: 0,
    badChecksum: 0,
    malformed: 0,
    errorsIn: 0,
    errorsOut: 0,
    rateLimited: 0,
  };
  readonly #ip: IpLayer;
  readonly #ndp: Ndp | undefined;
  readonly #largeEchoes = new RecentEchoes();
  readonly #errorLimit = new RateLimit({ perSecond: 1000, burst: 100 });

  constructor(dependencies: IcmpDependencies) {
    this.#ip = dependencies.ip;
    this.#ndp = dependencies.ndp;
    dependencies.ip.register(PROTOCOL_ICMP, this);
    dependencies.ip.register(PROTOCOL_ICMPV6, this);
    dependencies.ip.onUnknownProtocol((packet) => {
      if (!packet.toGroup) this.undeliverable(refused(packet), 'protocol-unreachable');
    });
    dependencies.ip.onExpired((packet) => {
      if (!isError(packet)) this.undeliverable(refused(packet), 'time-exceeded');
    });
  }

  receive(packet: IpPacket, now: number): void {
    this.counters.messagesIn++;
    const { bytes, payload, end, version } = packet;
    if (end - payload < ICMP_HEADER_LEN || (version === 4) !== (packet.protocol === PROTOCOL_ICMP)) {
      this.counters.malformed++;
      return;
    }
    if (!this.#ip.trustedLink && !this.#holds(packet)) {
      this.counters.badChecksum++;
      return;
    }
    const type = IcmpView.type(bytes, payload);
    if (version === 4) {
      if (type === ICMP_ECHO_REQUEST) this.#onRequest(packet);
      else if (type === ICMP_ECHO_REPLY) this.onEchoReply?.(readEcho(packet));
      else if (isIcmpError(type)) this.#onError(packet, now);
      return;
    }
    if (type === ICMPV6_ECHO_REQUEST) this.#onRequest(packet);
    else if (type === ICMPV6_ECHO_REPLY) this.onEchoReply?.(readEcho(packet));
    else if (isIcmpv6Error(type)) this.#onError(packet, now);
    else this.#onControl(packet, now);
  }

  /**
   * An error about an echo message of ours: nobody waits for it, but the next ones are cut as the path wants them (RFC
   * 8201 §4). Over IPv4 routers cut them themselves.
   */
  onIcmpError({ kind, mtu, quoted }: IcmpErrorReport, now: number): void {
    const { bytes, offset, end, local, remote, protocol } = quoted;
    if (kind !== 'too-big' || end - offset < ICMP_HEADER_LEN) return;
    const identifier = IcmpView.identifier(bytes, offset);
    if (!this.#largeEchoes.has(remote, { identifier, sequence: IcmpView.sequence(bytes, offset) })) return;
    const path = this.#ip.path(remote, protocol, local);
    if (path === undefined || mtu >= path.mtu || mtu < path.version.minMtu) return;
    this.#ip.lowerMtu(path, mtu, now);
  }

  sendEchoRequest(message: Omit<EchoMessage, 'hopLimit'>): boolean {
    return this.#sendEcho('echo-request', message);
  }

  sendEchoReply(message: Omit<EchoMessage, 'hopLimit'>): boolean {
    return this.#sendEcho('echo-reply', message);
  }

  rejectEcho(
    request: Omit<EchoMessage, 'hopLimit' | 'data'>,
    how: UndeliverableKind,
    by?: IcmpReporter,
  ): void {
    const { local, remote, identifier, sequence } = request;
    const isVersion4 = remote.version === 4;
    const path = this.#ip.path(remote, isVersion4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6, local);
    if (path === undefined) return;
    const fields = { kind: 'echo-request', code: 0, identifier, sequence } as const;
    const bytes = rebuildQuote(path, local, {
      length: ICMP_HEADER_LEN,
      emit: (into, at) => (isVersion4 ? emitIcmp(fields, into, at) : emitIcmpv6(fields, into, at)),
    });
    this.undeliverable({ local, remote, bytes }, how, by);
  }

  sendIcmpv6(message: Omit<Icmpv6Message, 'hopLimit'>): boolean {
    return this.#send(message.local, message.remote, 255, {
      length: icmpv6Length(message.fields),
      emit: (into, at) => emitIcmpv6(message.fields, into, at),
    });
  }

  undeliverable(about: RefusedPacket, kind: RefusalKind, by?: IcmpReporter): void {
    const { local, remote } = about;
    if (remote.isUnspecified || remote.isMulticast || local.isMulticast) return;
    if (!this.#errorLimit.take(remote, this.#ip.now)) {
      this.counters.rateLimited++;
      return;
    }
    const quote = about.bytes.slice(0, remote.version === 4 ? MAX_QUOTE_4 : MAX_QUOTE_6);
    // A closed port is reported by the host itself, anything else by the router on the way: us.
    const ownVoice = kind === 'port-unreachable' || kind === 'protocol-unreachable';
    const source = by?.address ?? (ownVoice ? local : this.#ip.addresses.sourceFor(remote));
    if (source === undefined) return;
    this.counters.errorsOut++;
    this.#send(source, remote, by?.hopLimit, {
      length: ICMP_HEADER_LEN + quote.length,
      emit: (into, at) => {
        const body =
          remote.version === 4 ? emitIcmp(refusal4(kind), into, at) : emitIcmpv6(refusal6(kind), into, at);
        into.set(quote, body);
        return body + quote.length;
      },
    });
  }

  #holds(packet: IpPacket): boolean {
    const { bytes, payload, end } = packet;
    if (packet.version === 4) return verifyIcmp(bytes, payload, end);
    return verifyIcmpv6(bytes, payload, end, foldSum(packet.pseudoSum()));
  }

  #onRequest(packet: IpPacket): void {
    const message = readEcho(packet);
    if (packet.toUs) this.#sendEcho('echo-reply', { ...message, data: message.data.slice() });
    else if (!packet.toGroup) this.onEchoRequest?.(message);
  }

  #onError(packet: IpPacket, now: number): void {
    const { bytes, payload, end, version } = packet;
    this.counters.errorsIn++;
    const kind = errorKind(version, IcmpView.type(bytes, payload), IcmpView.code(bytes, payload));
    const quoted = readQuote(version, bytes, payload + ICMP_HEADER_LEN, end);
    if (kind === undefined || quoted === undefined) return;
    const mtu = version === 4 ? IcmpView.nextHopMtu(bytes, payload) : IcmpView.rest(bytes, payload);
    const report = { kind, from: packet.sourceAddress(), mtu, quoted };
    this.#ip.protocol(quoted.protocol)?.onIcmpError(report, now);
  }

  #onControl(packet: IpPacket, now: number): void {
    // Fragments hide neighbour discovery from whoever guards a link (RFC 6980 §5).
    const isHidden = packet.isFragmented && isNeighbourDiscovery(IcmpView.type(packet.bytes, packet.payload));
    const fields = isHidden ? 'bad-value' : parseIcmpv6(packet.bytes, packet.payload, packet.end);
    if (typeof fields === 'string') {
      this.counters.malformed++;
      return;
    }
    const remote = packet.sourceAddress();
    if (this.#ndp?.receive(fields, remote, packet.hopLimit, now) === true) return;
    this.onIcmpv6?.({ local: packet.destinationAddress(), remote, fields, hopLimit: packet.hopLimit });
  }

  #sendEcho(kind: 'echo-request' | 'echo-reply', message: Omit<EchoMessage, 'hopLimit'>): boolean {
    const { identifier, sequence, data } = message;
    const fields = { kind, code: 0, identifier, sequence };
    if (message.remote.version === 6 && data.length > MAX_QUOTE_6)
      this.#largeEchoes.note(message.remote, { identifier, sequence });
    return this.#send(message.local, message.remote, undefined, {
      length: ICMP_HEADER_LEN + data.length,
      emit: (into, at) => {
        const body = message.remote.version === 4 ? emitIcmp(fields, into, at) : emitIcmpv6(fields, into, at);
        into.set(data, body);
        return body + data.length;
      },
    });
  }

  #send(
    local: IpAddress,
    remote: IpAddress,
    hopLimit: number | undefined,
    body: { readonly length: number; emit(into: Uint8Array, at: number): number },
  ): boolean {
    const protocol = remote.version === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
    const path = this.#ip.path(remote, protocol, local);
    if (path === undefined) return false;
    this.counters.messagesOut++;
    const write = (into: Uint8Array, at: number): void => {
      const end = body.emit(into, at);
      if (remote.version === 4) sealIcmp(into, at, end);
      else sealIcmpv6(into, at, end, foldSum(path.pseudoSum + body.length));
    };
    const options = { mayFragment: true, ...(hopLimit === undefined ? {} : { hopLimit }) };
    return this.#ip.send(path, { length: body.length, write }, options);
  }
}

/** Router solicitations to redirects: neighbour discovery (RFC 4861 §4). */
function isNeighbourDiscovery(type: number): boolean {
  return type >= ICMPV6_ROUTER_SOLICITATION && type <= ICMPV6_REDIRECT;
}

/** The packet at hand, as the subject of an error; the bytes are a view. */
export function refused(packet: IpPacket): RefusedPacket {
  return {
    local: packet.destinationAddress(),
    remote: packet.sourceAddress(),
    bytes: packet.bytes.subarray(packet.header, packet.end),
  };
}

/** Nobody complains about a complaint (RFC 1122 §3.2.2, RFC 4443 §2.4). */
function isError({ protocol, bytes, payload, end }: IpPacket): boolean {
  if (end <= payload) return false;
  const type = IcmpView.type(bytes, payload);
  return protocol === PROTOCOL_ICMP ? isIcmpError(type) : protocol === PROTOCOL_ICMPV6 && isIcmpv6Error(type);
}

function readEcho(packet: IpPacket): EchoMessage {
  const { bytes, payload, end } = packet;
  return {
    local: packet.destinationAddress(),
    remote: packet.sourceAddress(),
    identifier: IcmpView.identifier(bytes, payload),
    sequence: IcmpView.sequence(bytes, payload),
    data: bytes.subarray(payload + ICMP_HEADER_LEN, end),
    hopLimit: packet.hopLimit,
  };
}

const CODES_4 = {
  'port-unreachable': ICMP_PORT_UNREACHABLE,
  'protocol-unreachable': ICMP_PROTOCOL_UNREACHABLE,
  'host-unreachable': ICMP_HOST_UNREACHABLE,
  'network-unreachable': ICMP_NETWORK_UNREACHABLE,
  prohibited: ICMP_ADMINISTRATIVELY_PROHIBITED,
} as const;

const CODES_6 = {
  'port-unreachable': ICMPV6_PORT_UNREACHABLE,
  'host-unreachable': ICMPV6_ADDRESS_UNREACHABLE,
  'network-unreachable': ICMPV6_NO_ROUTE,
  prohibited: ICMPV6_PROHIBITED,
} as const;

function refusal4(kind: RefusalKind): IcmpFields {
  if (kind === 'time-exceeded') return { kind, code: 0, reserved: 0 };
  return { kind: 'destination-unreachable', code: CODES_4[kind], reserved: 0, nextHopMtu: 0 };
}

function refusal6(kind: RefusalKind): Icmpv6Fields {
  if (kind === 'time-exceeded') return { kind, code: 0, reserved: 0 };
  // RFC 4443 §3.4: an unknown next header is a parameter problem, and points at the field (offset 6).
  if (kind === 'protocol-unreachable') return { kind: 'parameter-problem', code: 1, pointer: 6 };
  return { kind: 'destination-unreachable', code: CODES_6[kind], reserved: 0 };
}
