/**
 * The faces that programs see of the stack: frames in and out, TCP connections, UDP ports, ICMP. Everything here
 * is synchronous and sans-IO; callbacks run inside `receive`, `poll` or the call that caused them.
 */
import type { Icmpv6Fields } from '@orlop/wire';
import type { IpAddress } from './ip/address.ts';

export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

/**
 * Where the stack writes frames, without an allocation of its own: it asks for room, writes the frame into
 * `buffer` at `offset`, and says how long it became. A link implements it over its batch of outgoing bytes.
 */
export interface FrameSink {
  /** Valid after `reserve` returned true, until `commit`. */
  readonly buffer: Uint8Array;
  readonly offset: number;
  /**
   * Makes room for one frame of at most `maxLength` bytes. False means that the link can take no more now: the
   * stack keeps what it has and goes on at the next `poll`.
   */
  reserve(maxLength: number): boolean;
  /**
   * The frame at `offset` is complete and has `length` bytes (never more than reserved). With `segmentSize` the
   * checksum of its TCP segment is left at the pseudo header's sum, for the link to finish, and if the payload is
   * longer than that, the link cuts it; only where `segmentation` is true.
   */
  commit(length: number, segmentSize?: number): void;
  /** The link cuts TCP segments and finishes their checksums itself (offload); asked before `reserve`. @default false */
  readonly segmentation?: boolean;
}

/** Frames in, frames out, and when to call again (all times: monotonic milliseconds). */
export interface PacketMachine {
  /**
   * Takes one Ethernet frame at `frame[offset .. offset + length)`. Nothing of it is kept after the return, and
   * nothing is thrown whatever it contains. Answers come out of the next `poll`: receive a whole batch first,
   * then poll once, so that acknowledgements are batched too.
   */
  receive(frame: Uint8Array, now: number, offset?: number, length?: number): void;
  /** Runs due timers and writes all that can be sent into `sink`. */
  poll(now: number, sink: FrameSink): void;
  /** When `poll` is next needed if nothing else happens; 0 = at once, Infinity = never. */
  pollAt(): number;
  /** Called (once, until the next `poll`) when a program's call outside `poll` made something to send. */
  onWake: (() => void) | undefined;
}

export type TcpState =
  | 'syn-sent'
  | 'syn-received'
  | 'established'
  | 'fin-wait-1'
  | 'fin-wait-2'
  | 'close-wait'
  | 'closing'
  | 'last-ack'
  | 'time-wait'
  | 'closed';

/** Why a connection is over. `finished` is the only good end. */
export type TcpCloseReason =
  | 'finished' // both sides closed in order
  | 'reset' // the peer sent RST
  | 'refused' // RST in answer to our SYN
  | 'unreachable' // an ICMP error in answer to our SYN, or no neighbour
  | 'timeout' // retransmissions or keepalive probes without an answer
  | 'aborted'; // we called abort()

/** What a connection tells its owner. All are optional; each may call any method of the socket. */
export interface TcpHandler {
  /** The three-way handshake is over; reading and writing work from now on. */
  onOpen?(socket: TcpSocket): void;
  /** Bytes arrived: `socket.readable` grew. */
  onReadable?(socket: TcpSocket): void;
  /**
   * Many bytes arrived, or a short message, and nothing waits before them: `bytes[from .. from + length)`, valid during
   * the call only. Returns how many it has used; the rest is queued as ever (`onReadable`). Without it all are.
   */
  onBytes?(socket: TcpSocket, bytes: Uint8Array, from: number, length: number): number;
  /** There is space again after a `write` was not taken whole. */
  onWritable?(socket: TcpSocket): void;
  /** The peer sent FIN (it will send no more); bytes before it may still wait in `readable`. */
  onEnd?(socket: TcpSocket): void;
  /** Last call: the connection is over for its owner. (After `finished` the stack may keep TIME-WAIT.) */
  onClose?(socket: TcpSocket, reason: TcpCloseReason): void;
}

export interface TcpSocket {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly state: TcpState;
  /** Whose callbacks are called; may be set at any time. Nothing that happened before is told again. */
  handler: TcpHandler;

  /** Bytes received in order and not consumed yet. */
  readonly readable: number;
  /** True when the peer sent FIN and every byte before it is consumed. */
  readonly ended: boolean;
  /**
   * The next received bytes (after the first `skip`) as one view into the receive queue, empty when there are none. There may be more
   * behind it: call again after `consume`. The bytes stay as they are until consumed: a view may be handed to an
   * asynchronous writer and consumed in its callback.
   */
  peek(skip?: number): Uint8Array;
  /** Frees the first `length` bytes; this is what opens the peer's window again. */
  consume(length: number): void;
  /** Copies up to `into.length` bytes and consumes them. Returns how many. */
  read(into: Uint8Array): number;

  /** How many bytes `write` takes now; 0 before the connection is open and after `shutdown`. */
  readonly writable: number;
  /** Bytes written and not acknowledged yet. */
  readonly unacknowledged: number;
  /**
   * Queues the first `length` bytes (by default all) to send and returns how many it took: all, or fewer when the queue
   * is full (then `onWritable` comes). Ownership: the stack keeps the array until it is acknowledged, the caller does
   * not change it; short pieces are copied instead. Of bytes that it took, `lease` tells when they are needed no more.
   */
  write(bytes: Uint8Array, lease?: BufferLease, length?: number): number;
  /** Sends FIN after what is queued; reading goes on (half-close). */
  shutdown(): void;
  /** Sends RST and forgets the connection. Calls `onClose` with `aborted`. */
  abort(): void;

  /** Small segments wait for an acknowledgement (Nagle, RFC 9293 §3.7.4) when false. */
  noDelay: boolean;
  /** Probes of an idle connection; undefined (the default) = none. */
  keepalive: KeepaliveOptions | undefined;
  /** What tables of flows show. */
  info(): TcpInfo;
}

/** Memory that somebody may use again. */
export interface BufferLease {
  /** Called once for each `write` that took bytes, perhaps before it returns: nobody looks at them any more. */
  release(): void;
}

export interface KeepaliveOptions {
  /** Idle time before the first probe. */
  readonly idleMs: number;
  readonly intervalMs: number;
  /** Unanswered probes after which the connection is over. */
  readonly count: number;
}

export interface TcpInfo {
  readonly state: TcpState;
  readonly smoothedRttMs: number | undefined;
  readonly retransmissionTimeoutMs: number;
  readonly congestionWindowBytes: number;
  readonly slowStartThresholdBytes: number;
  readonly peerWindowBytes: number;
  readonly receiveWindowBytes: number;
  readonly segmentSizeBytes: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly retransmittedSegments: number;
}

/** How an attempt is turned down: RST, an ICMP error of that kind, or silence. */
export type TcpRejection =
  | 'refused'
  | 'host-unreachable'
  | 'network-unreachable'
  | 'prohibited'
  | 'time-exceeded'
  | 'drop';

/**
 * A SYN that waits for a decision, for as long as its owner needs (to connect on the host, say). Repeated SYNs of
 * the same attempt are absorbed meanwhile. Exactly one of `accept` and `reject` counts; later calls do nothing.
 */
export interface TcpAttempt {
  /** Where the client believes to connect to. */
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Of the SYN. */
  readonly hopLimit: number;
  /** True while a decision still matters (the client may have reset or given up). */
  readonly pending: boolean;
  /** Called when the client gives up before the decision. */
  onCancel: (() => void) | undefined;
  /** Answers SYN-ACK. The socket is in `syn-received`; `onOpen` follows. Undefined when no longer pending. */
  accept(handler: TcpHandler, options?: TcpSocketOptions): TcpSocket | undefined;
  /** @param by - who said so by ICMP, where that was not this stack */
  reject(how: TcpRejection, by?: IcmpReporter): void;
}

export interface TcpSocketOptions {
  /** @default false */
  readonly noDelay?: boolean;
  /** @default undefined (no probes) */
  readonly keepalive?: KeepaliveOptions;
  /** Upper bound of bytes written and not acknowledged. @default the stack's `tcp.sendBuffer` */
  readonly sendBuffer?: number;
  /** Upper bound of the receive queue, to which autotuning may go. @default the stack's `tcp.receiveBuffer` */
  readonly receiveBuffer?: number;
}

export interface TcpListenOptions {
  /** @default any of the stack's addresses */
  readonly address?: IpAddress;
  readonly port: number;
  /** Handshakes under way beyond which SYN cookies are answered. @default 128 */
  readonly backlog?: number;
  readonly socket?: TcpSocketOptions;
}

export interface TcpConnectOptions {
  readonly remote: Endpoint;
  /** @default an address of ours for the route, and an ephemeral port. Any address is allowed. */
  readonly local?: { readonly address?: IpAddress; readonly port?: number };
  readonly socket?: TcpSocketOptions;
  /** How often the SYN is repeated, after 1, 2, 4, … 60, 60 s each. @default 7, and the end after 183 s (RFC 9293 §3.8.3) */
  readonly synRetries?: number;
}

export interface TcpListener {
  readonly port: number;
  close(): void;
}

export interface TcpService {
  /** Takes connections to one port; `onConnection` is called when a handshake is over and returns the handler. */
  listen(options: TcpListenOptions, onConnection: (socket: TcpSocket) => TcpHandler): TcpListener;
  /**
   * Asked about each SYN that no listener takes, whatever its destination address (the stack must be
   * `promiscuous` to see foreign ones). Undefined = answer RST. One handler at a time.
   */
  listenAny(onAttempt: ((attempt: TcpAttempt) => void) | undefined): void;
  /** Throws `netstack.no-route`, `netstack.port-in-use`, `netstack.no-free-port`. */
  connect(options: TcpConnectOptions, handler: TcpHandler): TcpSocket;
  /** Connections in any state but closed, TIME-WAIT included. */
  readonly connectionCount: number;
  /** Bytes in the queues of all connections. */
  readonly bufferedBytes: number;
  /** Those same but the ones in TIME-WAIT, of which only what answers take is left. */
  connections(): IterableIterator<TcpSocket>;
  readonly counters: Readonly<TcpCounters>;
}

/** Counters are plain numbers that only grow. */
export interface TcpCounters {
  segmentsIn: number;
  segmentsOut: number;
  badChecksum: number;
  malformed: number;
  retransmits: number;
  timeouts: number;
  outOfOrder: number;
  duplicates: number;
  outOfWindow: number;
  pawsDropped: number;
  challengeAcks: number;
  resetsIn: number;
  resetsOut: number;
  synCookiesSent: number;
  synCookiesAccepted: number;
  synDropped: number;
}

/** One datagram as it arrives; `bytes` is a view that is valid only during the call: copy it to keep it. */
export interface UdpDatagram {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly bytes: Uint8Array;
  /** Of the packet that brought it. */
  readonly hopLimit?: number;
}

/** An ICMP error about a datagram that was sent from `local` to `remote`. */
export interface UdpError {
  readonly kind: 'port-unreachable' | 'unreachable' | 'prohibited' | 'too-big' | 'time-exceeded';
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** The router or host that said so. */
  readonly from: IpAddress;
  /** For `too-big`: the path's MTU. */
  readonly mtu?: number;
}

export interface UdpHandler {
  onDatagram(datagram: UdpDatagram): void;
  onError?(error: UdpError): void;
}

export interface UdpBindOptions {
  /** @default any of the stack's addresses */
  readonly address?: IpAddress;
  /** @default an ephemeral port */
  readonly port?: number;
}

export interface UdpSocket {
  readonly port: number;
  /** Queues a datagram (the array is kept until sent); larger than the MTU goes out in fragments. False = queue full. */
  send(bytes: Uint8Array, remote: Endpoint, from?: IpAddress): boolean;
  close(): void;
}

export interface UdpService {
  /** Throws `netstack.port-in-use`, `netstack.no-free-port`. */
  bind(options: UdpBindOptions, handler: UdpHandler): UdpSocket;
  /**
   * Given each datagram that no bound socket takes, whatever its destination address. Undefined = answer ICMP
   * port unreachable (for our own addresses). One handler at a time.
   */
  listenAny(handler: UdpHandler | undefined): void;
  /** Sends a datagram from any address and port. False when the output queue is full. */
  send(datagram: UdpDatagram): boolean;
  /** Answers a datagram with an ICMP error (what the host's socket reported, say). */
  reject(datagram: Omit<UdpDatagram, 'bytes'>, how: UndeliverableKind, by?: IcmpReporter): void;
  readonly counters: Readonly<UdpCounters>;
}

/** Why a packet cannot be delivered, as ICMP can say it. */
export type UndeliverableKind =
  | 'port-unreachable'
  | 'host-unreachable'
  | 'network-unreachable'
  | 'prohibited'
  | 'time-exceeded';

/** A router or host on the way, in whose name an ICMP error is sent. */
export interface IcmpReporter {
  readonly address: IpAddress;
  /** What is left of its packet's hop limit. @default as many as we give our own */
  readonly hopLimit?: number;
}

export interface UdpCounters {
  datagramsIn: number;
  datagramsOut: number;
  badChecksum: number;
  malformed: number;
  noPort: number;
  queueFull: number;
}

/** An echo request to an address that is not ours, or any echo reply. `data` is valid only during the call. */
export interface EchoMessage {
  readonly local: IpAddress;
  readonly remote: IpAddress;
  readonly identifier: number;
  readonly sequence: number;
  readonly data: Uint8Array;
  readonly hopLimit: number;
}

/** An ICMPv6 message that is neither echo nor error nor neighbour discovery: router solicitations, MLD. */
export interface Icmpv6Message {
  readonly local: IpAddress;
  readonly remote: IpAddress;
  readonly fields: Icmpv6Fields;
  readonly hopLimit: number;
}

export interface IcmpService {
  /** Asked about echo requests to foreign addresses (own addresses are answered by the stack itself). */
  onEchoRequest: ((message: EchoMessage) => void) | undefined;
  onEchoReply: ((message: EchoMessage) => void) | undefined;
  onIcmpv6: ((message: Icmpv6Message) => void) | undefined;
  /** Sends a router advertisement, say, with hop limit 255. */
  sendIcmpv6(message: Omit<Icmpv6Message, 'hopLimit'>): boolean;
  sendEchoRequest(message: Omit<EchoMessage, 'hopLimit'>): boolean;
  sendEchoReply(message: Omit<EchoMessage, 'hopLimit'>): boolean;
  /** Tells whoever sent an echo request that it could not be delivered. */
  rejectEcho(
    request: Omit<EchoMessage, 'hopLimit' | 'data'>,
    how: UndeliverableKind,
    by?: IcmpReporter,
  ): void;
  readonly counters: Readonly<IcmpCounters>;
}

export interface IcmpCounters {
  messagesIn: number;
  messagesOut: number;
  badChecksum: number;
  malformed: number;
  errorsIn: number;
  errorsOut: number;
  rateLimited: number;
}
