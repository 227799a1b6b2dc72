import type { Random } from '@orlop/core';
import {
  foldSum,
  PROTOCOL_TCP,
  TCP_ACK,
  TCP_HEADER_LEN,
  TCP_RST,
  TCP_SYN,
  TcpView,
  verifyTcp,
} from '@orlop/wire';
import { netstackError } from '../errors.ts';
import type {
  Endpoint,
  FrameSink,
  TcpAttempt,
  TcpConnectOptions,
  TcpCounters,
  TcpHandler,
  TcpListener,
  TcpListenOptions,
  TcpRejection,
  TcpService,
  TcpSocket,
  TcpSocketOptions,
} from '../face.ts';
import type { ErrorSender } from '../icmp/icmp.ts';
import type { IpAddress } from '../ip/address.ts';
import { readWord } from '../ip/address.ts';
import type { IpLayer } from '../ip/ip-layer.ts';
import type { IcmpErrorReport, IpPacket, TransportProtocol } from '../ip/packet.ts';
import type { IpPath } from '../ip/path.ts';
import { KeyedHash } from '../keyed-hash.ts';
import { EPHEMERAL_PORTS } from '../ports.ts';
import type { TcpSettings } from '../stack-face.ts';
import { TimerQueue } from '../timer-queue.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import { type BareSegment, emitBareSegment } from './bare-segment.ts';
import { BufferPool } from './buffer-pool.ts';
import { ConnectionTable, type TableEntry } from './connection-table.ts';
import { TcpContext } from './context.ts';
import { ControlBlock, type PeerSyn } from './control-block.ts';
import { Cubic } from './cubic.ts';
import { adoptPeerSyn, readPeerSyn, updateSegmentSize } from './establish.ts';
import { segmentArrives } from './input.ts';
import { Listener } from './listener.ts';
import { transmit } from './output.ts';
import { Reno } from './reno.ts';
import { RttEstimator, type RttOptions } from './rtt.ts';
import { Segment } from './segment.ts';
import { isAfter } from './sequence.ts';
import {
  ATTEMPT_LIFETIME_MS,
  INITIAL_TIMEOUT_MS,
  MAX_DATA_RETRIES,
  MAX_TIMEOUT_MS,
  type ResolvedTcpSettings,
  resolveTcpSettings,
} from './settings.ts';
import { Socket } from './socket.ts';
import { SynCookies } from './syn-cookie.ts';
import { runTimers } from './timers.ts';
import { scaleFor } from './window.ts';

export interface TcpDependencies {
  readonly ip: IpLayer;
  readonly errors: ErrorSender;
  readonly random: Random;
  readonly wake: () => void;
  readonly checksumOffload: boolean;
  readonly settings?: TcpSettings | undefined;
}

/** How long after a full backlog an acknowledgement may carry a cookie: as long as cookies are good. */
const COOKIE_WINDOW_MS = 128_000;
/** How much of a refused SYN an ICMP error quotes: IP header and TCP header without options suffice. */
const MAX_QUOTED_SYN = 128;

/** TCP (RFC 9293): which connection a segment is for, handshakes, and what is common to all connections. */
export class Tcp implements TcpService, TransportProtocol, AttemptOwner {
  readonly counters: TcpCounters = newCounters();
  readonly #ip: IpLayer;
  readonly #errors: ErrorSender;
  readonly #random: Random;
  readonly #settings: ResolvedTcpSettings;
  readonly #rttOptions: RttOptions;
  readonly #context: TcpContext;
  readonly #table: ConnectionTable<TableEntry>;
  readonly #timers = new TimerQueue<ControlBlock>();
  readonly #hash: KeyedHash;
  readonly #cookies: SynCookies;
  readonly #segment = new Segment();
  readonly #listeners = new Map<number, Listener[]>();
  /** In order of their deadlines. */
  readonly #attempts = new Set<Attempt>();
  #onAttempt: ((attempt: TcpAttempt) => void) | undefined;

  constructor(dependencies: TcpDependencies) {
    this.#ip = dependencies.ip;
    this.#errors = dependencies.errors;
    this.#random = dependencies.random;
    this.#settings = resolveTcpSettings(dependencies.settings);
    this.#rttOptions = {
      minTimeoutMs: this.#settings.minRetransmissionTimeoutMs,
      maxTimeoutMs: MAX_TIMEOUT_MS,
      initialTimeoutMs: INITIAL_TIMEOUT_MS,
    };
    this.#hash = new KeyedHash(dependencies.random);
    this.#cookies = new SynCookies(new KeyedHash(dependencies.random));
    this.#table = new ConnectionTable(dependencies.random);
    this.#context = new TcpContext({
      ip: dependencies.ip,
      settings: this.#settings,
      counters: this.counters,
      pool: new BufferPool({ keepBytes: 16 << 20, budgetBytes: this.#settings.memoryBudget }),
      table: this.#table,
      timers: this.#timers,
      checksumOffload: dependencies.checksumOffload,
      wake: dependencies.wake,
    });
    dependencies.ip.register(PROTOCOL_TCP, this);
  }

  get connectionCount(): number {
    return this.#table.size - this.#attempts.size;
  }

  /** Bytes in the queues of all connections. */
  get bufferedBytes(): number {
    return this.#context.pool.usedBytes;
  }

  *connections(): IterableIterator<TcpSocket> {
    for (const entry of this.#table) {
      if (entry instanceof ControlBlock && entry.socket !== undefined) yield entry.socket;
    }
  }

  listen(options: TcpListenOptions, onConnection: (socket: TcpSocket) => TcpHandler): TcpListener {
    const { port, address } = options;
    const others = this.#listeners.get(port) ?? [];
    if (others.some((o) => o.address === undefined || address === undefined || o.address.equals(address))) {
      throw netstackError('netstack.port-in-use', `TCP port ${port} is in use`);
    }
    const listener = new Listener(options, onConnection, (closed) => this.#unlisten(closed));
    this.#listeners.set(port, [...others, listener]);
    return listener;
  }

  listenAny(onAttempt: ((attempt: TcpAttempt) => void) | undefined): void {
    this.#onAttempt = onAttempt;
  }

  connect(options: TcpConnectOptions, handler: TcpHandler): TcpSocket {
    const { remote } = options;
    const path = this.#ip.path(remote.address, PROTOCOL_TCP, options.local?.address);
    if (path === undefined) throw netstackError('netstack.no-route', `no route to ${remote.address}`);
    const local = { address: path.source, port: options.local?.port ?? this.#freePort(path, remote) };
    if (this.#table.findPair(local, remote) !== undefined) {
      throw netstackError('netstack.port-in-use', `TCP port ${local.port} to ${remote.address} is in use`);
    }
    const block = this.#create(path, local, remote, 'syn-sent', options.socket ?? {});
    block.handler = handler;
    block.synDue = true;
    // The peer's MSS is not known yet; what goes before it is only the SYN.
    this.#context.markReady(block);
    return this.#socketOf(block);
  }

  receive(packet: IpPacket, now: number): void {
    const segment = this.#segment;
    this.counters.segmentsIn++;
    if (packet.toGroup) return;
    if (
      !this.#ip.trustedLink &&
      !verifyTcp(packet.bytes, packet.payload, packet.end, foldSum(packet.pseudoSum()))
    ) {
      this.counters.badChecksum++;
      return;
    }
    if (!segment.read(packet)) {
      this.counters.malformed++;
      return;
    }
    const entry = this.#table.find(packet, segment.sourcePort, segment.destinationPort);
    if (entry === undefined) this.#onStranger(packet, segment, now);
    else if (entry instanceof ControlBlock) this.#onKnown(entry, packet, segment, now);
    else if (entry instanceof Attempt) this.#onRepeated(entry, segment);
  }

  /** Soft and hard errors as RFC 5461 and RFC 1122 §4.2.3.9 see them; forged ones do not fit the window. */
  onIcmpError(report: IcmpErrorReport, now: number): void {
    const { quoted, kind } = report;
    if (quoted.end - quoted.offset < 8) return;
    const local = { address: quoted.local, port: TcpView.sourcePort(quoted.bytes, quoted.offset) };
    const remote = { address: quoted.remote, port: TcpView.destinationPort(quoted.bytes, quoted.offset) };
    const block = this.#table.findPair(local, remote);
    if (!(block instanceof ControlBlock)) return;
    const sequence = readWord(quoted.bytes, quoted.offset + 4);
    if (isAfter(block.una, sequence) || !isAfter(block.next, sequence)) return;
    if (kind === 'too-big') {
      this.#lowerMtu(block, report.mtu, now);
      return;
    }
    if (block.state !== 'syn-sent' || kind === 'time-exceeded') return;
    this.#context.close(block, kind === 'port-unreachable' ? 'refused' : 'unreachable');
    this.#context.dispatch(block);
  }

  /** Runs due timers and sends; false when the link is full. */
  poll(now: number, sink: FrameSink): boolean {
    for (let block = this.#timers.takeDue(now); block !== undefined; block = this.#timers.takeDue(now)) {
      runTimers(this.#context, block);
      this.#context.dispatch(block);
    }
    for (const attempt of this.#attempts) {
      if (now < attempt.deadline) break;
      this.#forget(attempt);
      attempt.cancel();
    }
    return this.#context.drainReady(sink, (block, into) => transmit(this.#context, block, into));
  }

  pollAt(): number {
    if (this.#context.hasReady) return 0;
    const attempt = this.#attempts.values().next();
    return Math.min(
      this.#timers.nextAt(),
      attempt.done === true ? Number.POSITIVE_INFINITY : attempt.value.deadline,
    );
  }

  accept(attempt: Attempt, handler: TcpHandler, options: TcpSocketOptions): TcpSocket | undefined {
    this.#forget(attempt);
    const path = this.#ip.path(attempt.remote.address, PROTOCOL_TCP, attempt.local.address);
    if (path === undefined) return undefined;
    const block = this.#passiveOpen(path, attempt, attempt.peer, attempt.window, options);
    block.handler = handler;
    return this.#socketOf(block);
  }

  reject(attempt: Attempt, how: TcpRejection): void {
    this.#forget(attempt);
    if (how === 'drop') return;
    const { local, remote, peer } = attempt;
    if (how === 'refused') {
      this.#sendBare(local, remote, {
        sequence: 0,
        acknowledgment: (peer.sequence + 1) | 0,
        flags: TCP_RST | TCP_ACK,
      });
      return;
    }
    this.#errors.unreachable({ local: local.address, remote: remote.address, bytes: attempt.packet }, how);
  }

  #onKnown(block: ControlBlock, packet: IpPacket, segment: Segment, now: number): void {
    const verdict = segmentArrives(this.#context, block, segment);
    if (verdict === 'reset') this.#answerReset(packet, segment);
    else if (verdict === 'new-connection') this.#onStranger(packet, segment, now);
    this.#context.dispatch(block);
  }

  /** A segment for an attempt that is not decided. */
  #onRepeated(attempt: Attempt, segment: Segment): void {
    if (!segment.isRst || segment.sequence !== ((attempt.peer.sequence + 1) | 0)) return;
    this.#forget(attempt);
    attempt.cancel();
  }

  /** A segment for no connection (RFC 9293 §3.10.7.1, §3.10.7.2). */
  #onStranger(packet: IpPacket, segment: Segment, now: number): void {
    if (segment.isRst) return;
    const listener = this.#listenerFor(packet, segment.destinationPort);
    if (segment.isAck) {
      const fromCookie =
        listener !== undefined &&
        !segment.isSyn &&
        now - listener.overflowedAt < COOKIE_WINDOW_MS &&
        this.#openFromCookie(listener, packet, segment, now);
      if (!fromCookie) this.#answerReset(packet, segment);
      return;
    }
    if (!segment.isSyn) return;
    const remote = { address: packet.sourceAddress(), port: segment.sourcePort };
    const local = { address: packet.destinationAddress(), port: segment.destinationPort };
    if (remote.port === 0 || local.port === 0 || remote.address.isUnspecified) return;
    if (listener !== undefined) this.#onSyn(listener, local, remote, segment);
    else if (this.#onAttempt !== undefined)
      this.#onForeignSyn(this.#onAttempt, local, remote, packet, segment);
    else this.#answerReset(packet, segment);
  }

  #onSyn(listener: Listener, local: Endpoint, remote: Endpoint, segment: Segment): void {
    const full = this.#table.size >= this.#settings.maxConnections;
    if (listener.isFull || full) {
      listener.overflowedAt = this.#ip.now;
      this.#sendCookie(local, remote, segment);
      return;
    }
    const path = this.#ip.path(remote.address, PROTOCOL_TCP, local.address);
    if (path === undefined) return;
    const peer = readPeerSyn(segment);
    listener.enter(this.#passiveOpen(path, { local, remote }, peer, segment.window, listener.socketOptions));
  }

  #onForeignSyn(
    onAttempt: (attempt: TcpAttempt) => void,
    local: Endpoint,
    remote: Endpoint,
    packet: IpPacket,
    segment: Segment,
  ): void {
    const full = this.#table.size >= this.#settings.maxConnections;
    if (full || this.#attempts.size >= this.#settings.maxAttempts) {
      this.counters.synDropped++;
      return;
    }
    const quoteEnd = Math.min(packet.end, packet.header + MAX_QUOTED_SYN);
    const init = {
      local,
      remote,
      peer: readPeerSyn(segment),
      window: segment.window,
      packet: packet.bytes.slice(packet.header, quoteEnd),
      deadline: this.#ip.now + ATTEMPT_LIFETIME_MS,
    };
    const attempt = new Attempt(init, this);
    this.#attempts.add(attempt);
    this.#table.add(attempt);
    onAttempt(attempt);
  }

  #passiveOpen(
    path: IpPath,
    ends: { readonly local: Endpoint; readonly remote: Endpoint },
    peer: PeerSyn,
    window: number,
    options: TcpSocketOptions,
  ): ControlBlock {
    const block = this.#create(path, ends.local, ends.remote, 'syn-received', options);
    adoptPeerSyn(this.#context, block, peer);
    block.sendWindow.start(window, peer.sequence, block.una);
    block.synDue = true;
    this.#context.markReady(block);
    return block;
  }

  #sendCookie(local: Endpoint, remote: Endpoint, segment: Segment): void {
    const peer = readPeerSyn(segment);
    const { now, mtu } = this.#ip;
    const tuple = tupleOf(local, remote);
    const value = this.#cookies.stamp((Math.floor(now) + this.#timestampOffset(tuple)) | 0, peer);
    const { initial, max } = this.#settings.receiveBuffer;
    const headers = (remote.address.version === 4 ? 20 : 40) + TCP_HEADER_LEN;
    this.counters.synCookiesSent++;
    this.#sendBare(local, remote, {
      sequence: this.#cookies.make(tuple, peer, now),
      acknowledgment: (peer.sequence + 1) | 0,
      flags: TCP_SYN | TCP_ACK,
      window: Math.min(0xffff, initial),
      options: {
        mss: Math.min(0xffff, mtu - headers),
        // Without timestamps there is no room to remember the options.
        ...(peer.hasTimestamps
          ? {
              ...(peer.sackPermitted ? { sackPermitted: true } : {}),
              ...(peer.windowScale < 0 ? {} : { windowScale: scaleFor(max) }),
              timestamps: { value: value >>> 0, echo: peer.timestampValue },
            }
          : {}),
      },
    });
  }

  #openFromCookie(listener: Listener, packet: IpPacket, segment: Segment, now: number): boolean {
    if (listener.isFull || this.#table.size >= this.#settings.maxConnections) return false;
    const remote = { address: packet.sourceAddress(), port: segment.sourcePort };
    const local = { address: packet.destinationAddress(), port: segment.destinationPort };
    const { options } = segment;
    const timestamps = options.hasTimestamps
      ? { value: options.timestampValue, echo: options.timestampEcho }
      : undefined;
    const peer = this.#cookies.check(tupleOf(local, remote), segment, timestamps, now);
    const path = peer === undefined ? undefined : this.#ip.path(remote.address, PROTOCOL_TCP, local.address);
    if (peer === undefined || path === undefined) return false;
    const block = this.#create(
      path,
      local,
      remote,
      'syn-received',
      listener.socketOptions,
      (segment.acknowledgment - 1) | 0,
    );
    adoptPeerSyn(this.#context, block, peer);
    this.counters.synCookiesAccepted++;
    block.next = segment.acknowledgment;
    block.receiveWindow.edge =
      (block.receiveNext + Math.min(0xffff, this.#settings.receiveBuffer.initial)) | 0;
    listener.enter(block);
    this.#socketOf(block);
    segmentArrives(this.#context, block, segment);
    this.#context.dispatch(block);
    return true;
  }

  #create(
    path: IpPath,
    local: Endpoint,
    remote: Endpoint,
    state: 'syn-sent' | 'syn-received',
    options: TcpSocketOptions,
    initialSequence?: number,
  ): ControlBlock {
    const settings = this.#settings;
    const tuple = tupleOf(local, remote);
    const limit = (own: number | undefined, general: { readonly initial: number; readonly max: number }) =>
      own === undefined ? general : { initial: Math.min(own, general.initial), max: own };
    const segmentGuess = path.mtu - path.version.headerLength - TCP_HEADER_LEN;
    const block = new ControlBlock(
      {
        path,
        local,
        remote,
        pool: this.#context.pool,
        rtt: new RttEstimator(this.#rttOptions),
        congestion: settings.congestion === 'reno' ? new Reno(segmentGuess) : new Cubic(segmentGuess),
        initialSequence: initialSequence ?? this.#initialSequence(tuple),
        timestampOffset: this.#timestampOffset(tuple),
        sendLimit: limit(options.sendBuffer, settings.sendBuffer),
        receiveLimit: limit(options.receiveBuffer, settings.receiveBuffer),
        state,
      },
      this.#onNeighbour,
      settings.quickAcks,
    );
    block.receiveWindow.scale = scaleFor(block.maxReceiveLimit);
    block.noDelay = options.noDelay ?? false;
    block.keepalive = options.keepalive;
    block.next = (block.initialSequence + 1) | 0;
    this.#socketOf(block);
    this.#table.add(block);
    return block;
  }

  #socketOf(block: ControlBlock): TcpSocket {
    block.socket ??= new Socket(this.#context, block, this.#resetOf);
    return block.socket;
  }

  readonly #onNeighbour = (block: ControlBlock, reached: boolean): void => {
    if (!reached) {
      block.retries++;
      if (block.state === 'syn-sent') this.#context.close(block, 'unreachable');
      else if (block.retries > MAX_DATA_RETRIES) this.#context.close(block, 'timeout');
      this.#context.dispatch(block);
    }
    if (block.state !== 'closed') this.#context.markReady(block);
  };

  /** RFC 1191, RFC 8201: smaller segments from now on, and what is in flight again. */
  #lowerMtu(block: ControlBlock, reported: number, now: number): void {
    const { path } = block;
    const mtu = reported === 0 ? path.version.minMtu : Math.max(reported, path.version.minMtu);
    if (mtu >= path.mtu) return;
    path.mtu = mtu;
    this.#ip.pathMtus.learn(path.destination, mtu, now);
    if (block.segmentSize === 0) return;
    updateSegmentSize(block);
    block.retransmission.beginLoss(block.una, block.next);
    this.#context.markReady(block);
  }

  #forget(attempt: Attempt): void {
    this.#attempts.delete(attempt);
    this.#table.remove(attempt);
  }

  #unlisten(listener: Listener): void {
    const left = (this.#listeners.get(listener.port) ?? []).filter((other) => other !== listener);
    if (left.length === 0) this.#listeners.delete(listener.port);
    else this.#listeners.set(listener.port, left);
    for (const block of listener.halfOpen) {
      this.#resetOf(block);
      this.#context.close(block, 'aborted');
    }
  }

  #listenerFor(packet: IpPacket, port: number): Listener | undefined {
    const listeners = this.#listeners.get(port);
    if (listeners === undefined) return undefined;
    const local = packet.destinationAddress();
    return listeners.find((l) => (l.address === undefined ? packet.toUs : l.address.equals(local)));
  }

  readonly #resetOf = (block: ControlBlock): void => {
    this.#sendBare(block.local, block.remote, {
      sequence: block.next,
      acknowledgment: block.receiveNext,
      flags: TCP_RST | TCP_ACK,
    });
  };

  /** RFC 9293 §3.10.7.1. */
  #answerReset(packet: IpPacket, segment: Segment): void {
    if (segment.isRst) return;
    const local = { address: packet.destinationAddress(), port: segment.destinationPort };
    const remote = { address: packet.sourceAddress(), port: segment.sourcePort };
    const reset = segment.isAck
      ? { sequence: segment.acknowledgment, acknowledgment: 0, flags: TCP_RST }
      : {
          sequence: 0,
          acknowledgment: (segment.sequence + segment.sequenceLength) | 0,
          flags: TCP_RST | TCP_ACK,
        };
    this.#sendBare(local, remote, reset);
  }

  #sendBare(local: Endpoint, remote: Endpoint, segment: BareSegment): void {
    const path = this.#ip.path(remote.address, PROTOCOL_TCP, local.address);
    if (path === undefined) return;
    this.counters.segmentsOut++;
    if ((segment.flags & TCP_RST) !== 0) this.counters.resetsOut++;
    this.#ip.send(path, emitBareSegment(path, local.port, remote.port, segment));
  }

  /** RFC 6528: a clock of 4 µs and a keyed hash of the 4-tuple. */
  #initialSequence(tuple: readonly number[]): number {
    return (Math.floor(this.#ip.now * 250) + this.#hash.hash(tuple)) | 0;
  }

  #timestampOffset(tuple: readonly number[]): number {
    return this.#hash.hash([...tuple, 1]);
  }

  /** RFC 6056 §3.3.1: a random start, then one after the other. */
  #freePort(path: IpPath, remote: Endpoint): number {
    const { first, last } = EPHEMERAL_PORTS;
    const count = last - first + 1;
    const start = this.#random.u32() % count;
    for (let step = 0; step < count; step++) {
      const port = first + ((start + step) % count);
      if (this.#listeners.has(port)) continue;
      if (this.#table.findPair({ address: path.source, port }, remote) === undefined) return port;
    }
    throw netstackError('netstack.no-free-port', `no free TCP port to ${remote.address}`);
  }
}

function tupleOf(local: Endpoint, remote: Endpoint): number[] {
  return [...wordsOf(local.address), ...wordsOf(remote.address), (local.port << 16) | remote.port];
}

function wordsOf(address: IpAddress): number[] {
  return address.version === 4 ? [address.w3] : [address.w0, address.w1, address.w2, address.w3];
}

function newCounters(): TcpCounters {
  return {
    segmentsIn: 0,
    segmentsOut: 0,
    badChecksum: 0,
    malformed: 0,
    retransmits: 0,
    timeouts: 0,
    outOfOrder: 0,
    duplicates: 0,
    outOfWindow: 0,
    pawsDropped: 0,
    challengeAcks: 0,
    resetsIn: 0,
    resetsOut: 0,
    synCookiesSent: 0,
    synCookiesAccepted: 0,
    synDropped: 0,
  };
}
