import { ChurnSet, type Random } from '@orlop/core';
import { PROTOCOL_TCP, TCP_ACK, TCP_HEADER_LEN, TCP_RST, TCP_SYN } from '@orlop/wire';
import { netstackError } from '../errors.ts';
import type {
  Endpoint,
  IcmpReporter,
  TcpAttempt,
  TcpHandler,
  TcpListener,
  TcpListenOptions,
  TcpRejection,
  TcpSocket,
  TcpSocketOptions,
} from '../face.ts';
import type { ErrorSender } from '../icmp/icmp.ts';
import type { IpPacket } from '../ip/packet.ts';
import type { IpPath } from '../ip/path.ts';
import { KeyedHash } from '../keyed-hash.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import type { BareSegmentSender } from './bare-segment.ts';
import { type ConnectionFactory, tupleOf } from './connection-factory.ts';
import type { TcpContext } from './context.ts';
import type { ControlBlock, PeerSyn } from './control-block.ts';
import { adoptPeerSyn, readPeerSyn } from './establish.ts';
import { segmentArrives } from './input.ts';
import { Listener } from './listener.ts';
import { timestampOf } from './options.ts';
import type { Segment } from './segment.ts';
import { ATTEMPT_LIFETIME_MS } from './settings.ts';
import { SynCookies } from './syn-cookie.ts';
import { scaleFor } from './window.ts';

export interface PassiveOpenParts {
  readonly context: TcpContext;
  readonly factory: ConnectionFactory;
  readonly bare: BareSegmentSender;
  readonly errors: ErrorSender;
  readonly random: Random;
}

/** How long after a full backlog an acknowledgement may carry a cookie: as long as cookies are good. */
const COOKIE_WINDOW_MS = 128_000;
/** How much of a refused SYN an ICMP error quotes: IP header and TCP header without options suffice. */
const MAX_QUOTED_SYN = 128;

/** What segments for no connection begin: listeners with backlog and cookies, attempts that somebody decides on. */
export class PassiveOpen implements AttemptOwner {
  onAttempt: ((attempt: TcpAttempt) => void) | undefined;
  readonly #parts: PassiveOpenParts;
  readonly #cookies: SynCookies;
  readonly #listeners = new Map<number, Listener[]>();
  /** In order of their deadlines. */
  readonly #attempts = new ChurnSet<Attempt>();

  constructor(parts: PassiveOpenParts) {
    this.#parts = parts;
    this.#cookies = new SynCookies(new KeyedHash(parts.random));
  }

  get attemptCount(): number {
    return this.#attempts.size;
  }

  hasListener(port: number): boolean {
    return this.#listeners.has(port);
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

  /** A segment for no connection (RFC 9293 §3.10.7.1, §3.10.7.2). */
  onStranger(packet: IpPacket, segment: Segment): void {
    if (segment.isRst) return;
    const { bare } = this.#parts;
    const listener = this.#listenerFor(packet, segment.destinationPort);
    if (segment.isAck) {
      const opened =
        !segment.isSyn && listener !== undefined && this.#openFromCookie(listener, packet, segment);
      if (!opened) bare.answerReset(packet, segment);
      return;
    }
    if (!segment.isSyn) return;
    const remote = { address: packet.sourceAddress(), port: segment.sourcePort };
    const local = { address: packet.destinationAddress(), port: segment.destinationPort };
    if (remote.port === 0 || local.port === 0 || remote.address.isUnspecified) return;
    if (listener !== undefined) this.#onSyn(listener, local, remote, segment);
    else if (this.onAttempt !== undefined) this.#onForeignSyn(this.onAttempt, local, remote, packet, segment);
    else bare.answerReset(packet, segment);
  }

  /** A segment for an attempt that is not decided: repeated SYNs are absorbed, RST ends it. */
  onRepeated(attempt: Attempt, segment: Segment): void {
    if (!segment.isRst || segment.sequence !== ((attempt.peer.sequence + 1) | 0)) return;
    this.#forget(attempt);
    attempt.cancel();
  }

  accept(attempt: Attempt, handler: TcpHandler, options: TcpSocketOptions): TcpSocket | undefined {
    this.#forget(attempt);
    const { local, remote, peer, window } = attempt;
    const path = this.#parts.context.ip.path(remote.address, PROTOCOL_TCP, local.address);
    if (path === undefined) return undefined;
    const block = this.#open(path, { local, remote }, peer, window, options);
    block.handler = handler;
    return block.socket;
  }

  reject(attempt: Attempt, how: TcpRejection, by?: IcmpReporter): void {
    this.#forget(attempt);
    if (how === 'drop') return;
    const { local, remote, peer, packet } = attempt;
    if (how === 'refused') {
      const acknowledgment = (peer.sequence + 1) | 0;
      this.#parts.bare.send(local, remote, { sequence: 0, acknowledgment, flags: TCP_RST | TCP_ACK });
      return;
    }
    const about = { local: local.address, remote: remote.address, bytes: packet };
    this.#parts.errors.undeliverable(about, how, by);
  }

  /** Ends attempts on which nobody decided. */
  poll(now: number): void {
    for (
      let attempt = this.#attempts.oldest;
      attempt !== undefined && now >= attempt.deadline;
      attempt = this.#attempts.oldest
    ) {
      this.#forget(attempt);
      attempt.cancel();
    }
  }

  pollAt(): number {
    return this.#attempts.oldest?.deadline ?? Number.POSITIVE_INFINITY;
  }

  get #tableIsFull(): boolean {
    const { table, settings } = this.#parts.context;
    return table.size >= settings.maxConnections;
  }

  #onSyn(listener: Listener, local: Endpoint, remote: Endpoint, segment: Segment): void {
    const { ip } = this.#parts.context;
    if (listener.isFull || this.#tableIsFull) {
      listener.overflowedAt = ip.now;
      this.#sendCookie(listener, local, remote, segment);
      return;
    }
    const path = ip.path(remote.address, PROTOCOL_TCP, local.address);
    if (path === undefined) return;
    const peer = readPeerSyn(segment);
    listener.enter(this.#open(path, { local, remote }, peer, segment.window, listener.socketOptions));
  }

  #onForeignSyn(
    onAttempt: (attempt: TcpAttempt) => void,
    local: Endpoint,
    remote: Endpoint,
    packet: IpPacket,
    segment: Segment,
  ): void {
    const { settings, counters, table, now } = this.#parts.context;
    if (this.#tableIsFull || this.#attempts.size >= settings.maxAttempts) {
      counters.synDropped++;
      return;
    }
    const init = {
      local,
      remote,
      hopLimit: packet.hopLimit,
      peer: readPeerSyn(segment),
      window: segment.window,
      bytes: packet.bytes,
      from: packet.header,
      end: Math.min(packet.end, packet.header + MAX_QUOTED_SYN),
      deadline: now + ATTEMPT_LIFETIME_MS,
    };
    const attempt = new Attempt(init, this);
    this.#attempts.add(attempt);
    table.add(attempt);
    onAttempt(attempt);
    attempt.keepPacket();
  }

  #open(
    path: IpPath,
    ends: { readonly local: Endpoint; readonly remote: Endpoint },
    peer: PeerSyn,
    window: number,
    options: TcpSocketOptions,
  ): ControlBlock {
    const { factory, context } = this.#parts;
    const block = factory.create({
      path,
      local: ends.local,
      remote: ends.remote,
      state: 'syn-received',
      options,
    });
    adoptPeerSyn(context, block, peer);
    block.sendWindow.start(window, peer.sequence, block.una);
    block.synDue = true;
    context.markReady(block);
    return block;
  }

  #sendCookie(listener: Listener, local: Endpoint, remote: Endpoint, segment: Segment): void {
    const { context, factory, bare } = this.#parts;
    const { now, mtu } = context.ip;
    const peer = readPeerSyn(segment);
    const receiveLimit = factory.receiveLimit(listener.socketOptions);
    const tuple = tupleOf(local, remote);
    const value = this.#cookies.stamp(timestampOf(factory.timestampOffset(tuple), now), peer);
    const headers = (remote.address.version === 4 ? 20 : 40) + TCP_HEADER_LEN;
    context.counters.synCookiesSent++;
    bare.send(local, remote, {
      sequence: this.#cookies.make(tuple, peer, now),
      acknowledgment: (peer.sequence + 1) | 0,
      flags: TCP_SYN | TCP_ACK,
      window: firstWindow(receiveLimit.initial),
      options: {
        mss: Math.min(0xffff, mtu - headers),
        // Without timestamps there is no room to remember the options.
        ...(peer.hasTimestamps && {
          ...(peer.sackPermitted && { sackPermitted: true }),
          ...(peer.windowScale >= 0 && { windowScale: scaleFor(receiveLimit.max) }),
          timestamps: { value: value >>> 0, echo: peer.timestampValue },
        }),
      },
    });
  }

  #openFromCookie(listener: Listener, packet: IpPacket, segment: Segment): boolean {
    const { context, factory } = this.#parts;
    const { ip, now } = context;
    if (now - listener.overflowedAt >= COOKIE_WINDOW_MS || this.#tableIsFull) return false;
    const remote = { address: packet.sourceAddress(), port: segment.sourcePort };
    const local = { address: packet.destinationAddress(), port: segment.destinationPort };
    const { hasTimestamps, timestampValue, timestampEcho } = segment.options;
    const timestamps = hasTimestamps ? { value: timestampValue, echo: timestampEcho } : undefined;
    const peer = this.#cookies.check(tupleOf(local, remote), segment, timestamps, now);
    const path = peer === undefined ? undefined : ip.path(remote.address, PROTOCOL_TCP, local.address);
    if (peer === undefined || path === undefined) return false;
    const initialSequence = (segment.acknowledgment - 1) | 0;
    const options = listener.socketOptions;
    const block = factory.create({ path, local, remote, state: 'syn-received', options, initialSequence });
    adoptPeerSyn(context, block, peer);
    context.counters.synCookiesAccepted++;
    block.receiveWindow.start((block.receiveNext + firstWindow(block.receiveLimit)) | 0);
    listener.enter(block);
    segmentArrives(context, block, segment);
    context.dispatch(block);
    return true;
  }

  #forget(attempt: Attempt): void {
    this.#attempts.delete(attempt);
    this.#parts.context.table.remove(attempt);
  }

  #unlisten(listener: Listener): void {
    const left = (this.#listeners.get(listener.port) ?? []).filter((other) => other !== listener);
    if (left.length === 0) this.#listeners.delete(listener.port);
    else this.#listeners.set(listener.port, left);
    for (const block of listener.halfOpen) {
      this.#parts.bare.reset(block);
      this.#parts.context.close(block, 'aborted');
    }
  }

  #listenerFor(packet: IpPacket, port: number): Listener | undefined {
    const listeners = this.#listeners.get(port);
    if (listeners === undefined) return undefined;
    const local = packet.destinationAddress();
    return listeners.find((l) => (l.address === undefined ? packet.toUs : l.address.equals(local)));
  }
}

/** What a SYN-ACK with a cookie offers: not scaled (RFC 7323 §2.2). */
function firstWindow(receiveLimit: number): number {
  return Math.min(0xffff, receiveLimit);
}
