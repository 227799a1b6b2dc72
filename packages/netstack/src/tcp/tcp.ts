import type { Random } from '@orlop/core';
import { foldSum, PROTOCOL_TCP, TcpView, verifyTcp } from '@orlop/wire';
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
  TcpService,
  TcpSocket,
} from '../face.ts';
import type { ErrorSender } from '../icmp/icmp.ts';
import { readWord } from '../ip/address.ts';
import type { IpLayer } from '../ip/ip-layer.ts';
import type { IcmpErrorReport, IpPacket, TransportProtocol } from '../ip/packet.ts';
import type { IpPath } from '../ip/path.ts';
import { EPHEMERAL_PORTS } from '../ports.ts';
import type { TcpSettings } from '../stack-face.ts';
import { TimerQueue } from '../timer-queue.ts';
import { Attempt } from './attempt.ts';
import { BareSegmentSender } from './bare-segment.ts';
import { BufferPool } from './buffer-pool.ts';
import { ConnectionFactory } from './connection-factory.ts';
import { ConnectionTable, type TableEntry } from './connection-table.ts';
import { TcpContext } from './context.ts';
import { ControlBlock } from './control-block.ts';
import { updateSegmentSize } from './establish.ts';
import { segmentArrives } from './input.ts';
import { transmit } from './output.ts';
import { PassiveOpen } from './passive-open.ts';
import { Segment } from './segment.ts';
import { isAfter } from './sequence.ts';
import { MAX_SYN_RETRIES, resolveTcpSettings } from './settings.ts';
import { TimeWait, TimeWaits } from './time-wait.ts';
import { runTimers } from './timers.ts';

export interface TcpDependencies {
  readonly ip: IpLayer;
  readonly errors: ErrorSender;
  readonly random: Random;
  readonly wake: () => void;
  readonly checksumOffload: boolean;
  readonly settings?: TcpSettings | undefined;
}

/** Blocks of receive queues that lie idle for the next. */
const KEEP_POOL_BYTES = 4 << 20;
/** Ports of an echoed TCP header and the sequence number: what an ICMP error must quote (RFC 792). */
const MIN_QUOTE = 8;

/** TCP (RFC 9293): which connection a segment is for, and what is common to all of them. */
export class Tcp implements TcpService, TransportProtocol {
  readonly counters: TcpCounters = newCounters();
  readonly #ip: IpLayer;
  readonly #context: TcpContext;
  readonly #table: ConnectionTable<TableEntry>;
  readonly #timers = new TimerQueue<ControlBlock>();
  readonly #segment = new Segment();
  readonly #bare: BareSegmentSender;
  readonly #timeWaits: TimeWaits;
  readonly #factory: ConnectionFactory;
  readonly #passive: PassiveOpen;
  #portsUsed = 0;

  constructor(dependencies: TcpDependencies) {
    const { ip, random, errors } = dependencies;
    const settings = resolveTcpSettings(dependencies.settings);
    this.#ip = ip;
    this.#table = new ConnectionTable(random);
    this.#bare = new BareSegmentSender(ip, this.counters);
    const { counters } = this;
    this.#timeWaits = new TimeWaits({ table: this.#table, settings, counters, bare: this.#bare });
    this.#context = new TcpContext({
      ip,
      settings,
      counters: this.counters,
      pool: new BufferPool({ keepBytes: KEEP_POOL_BYTES, budgetBytes: settings.memoryBudget }),
      table: this.#table,
      timers: this.#timers,
      timeWaits: this.#timeWaits,
      checksumOffload: dependencies.checksumOffload,
      wake: dependencies.wake,
    });
    this.#factory = new ConnectionFactory(this.#context, random, this.#bare.reset);
    this.#passive = new PassiveOpen({
      context: this.#context,
      factory: this.#factory,
      bare: this.#bare,
      errors,
      random,
    });
    ip.register(PROTOCOL_TCP, this);
  }

  get connectionCount(): number {
    return this.#table.size - this.#passive.attemptCount;
  }

  get bufferedBytes(): number {
    return this.#context.pool.usedBytes;
  }

  *connections(): IterableIterator<TcpSocket> {
    for (const entry of this.#table) {
      if (entry instanceof ControlBlock && entry.socket !== undefined) yield entry.socket;
    }
  }

  listen(options: TcpListenOptions, onConnection: (socket: TcpSocket) => TcpHandler): TcpListener {
    if (options.port !== 0) return this.#passive.listen(options, onConnection);
    const port = this.#freePort(0, (candidate) => this.#passive.hasListener(candidate));
    return this.#passive.listen({ ...options, port }, onConnection);
  }

  listenAny(onAttempt: ((attempt: TcpAttempt) => void) | undefined): void {
    this.#passive.onAttempt = onAttempt;
  }

  connect(options: TcpConnectOptions, handler: TcpHandler): TcpSocket {
    const { remote } = options;
    const path = this.#ip.path(remote.address, PROTOCOL_TCP, options.local?.address);
    if (path === undefined) throw netstackError('netstack.no-route', `no route to ${remote.address}`);
    const local = { address: path.source, port: options.local?.port ?? this.#freePortTo(path, remote) };
    if (this.#table.findPair(local, remote) !== undefined) {
      throw netstackError('netstack.port-in-use', `TCP port ${local.port} to ${remote.address} is in use`);
    }
    const state = 'syn-sent';
    const block = this.#factory.create({ path, local, remote, state, options: options.socket ?? {} });
    block.handler = handler;
    block.synDue = true;
    block.handshakeRetries = options.synRetries ?? MAX_SYN_RETRIES;
    this.#context.markReady(block);
    if (block.socket === undefined) throw new Error('bug: a connection without socket');
    return block.socket;
  }

  receive(packet: IpPacket): void {
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
    if (entry instanceof ControlBlock) this.#onKnown(entry, packet, segment);
    else if (entry instanceof Attempt) this.#passive.onRepeated(entry, segment);
    else if (entry instanceof TimeWait) this.#onFinished(entry, packet, segment);
    else this.#passive.onStranger(packet, segment);
  }

  /** Soft and hard errors as RFC 5461 and RFC 1122 §4.2.3.9 see them; forged ones do not fit the window. */
  onIcmpError(report: IcmpErrorReport, now: number): void {
    const { quoted, kind } = report;
    if (quoted.end - quoted.offset < MIN_QUOTE) return;
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
    const context = this.#context;
    for (let block = this.#timers.takeDue(now); block !== undefined; block = this.#timers.takeDue(now)) {
      runTimers(context, block);
      context.dispatch(block);
    }
    this.#passive.poll(now);
    this.#timeWaits.poll(now);
    return context.drainReady(sink, transmit);
  }

  pollAt(): number {
    if (this.#context.hasReady) return 0;
    return Math.min(this.#timers.nextAt(), this.#passive.pollAt(), this.#timeWaits.pollAt());
  }

  #onKnown(block: ControlBlock, packet: IpPacket, segment: Segment): void {
    const verdict = segmentArrives(this.#context, block, segment);
    if (verdict === 'reset') this.#bare.answerReset(packet, segment);
    this.#context.dispatch(block);
  }

  #onFinished(entry: TimeWait, packet: IpPacket, segment: Segment): void {
    if (this.#timeWaits.receive(entry, segment, this.#context.now)) this.#passive.onStranger(packet, segment);
  }

  /** RFC 1191, RFC 8201: smaller segments from now on, and what is in flight again. */
  #lowerMtu(block: ControlBlock, reported: number, now: number): void {
    const { path } = block;
    const { minMtu } = path.version;
    // Of IPv6, such a message is to be discarded (RFC 8201 §4); of IPv4, an old router said nothing (RFC 1191 §5).
    if (reported < minMtu && path.version.number === 6) return;
    const mtu = Math.max(reported, minMtu);
    if (mtu >= path.mtu) return;
    this.#ip.lowerMtu(path, mtu, now);
    if (block.segmentSize === 0) return;
    updateSegmentSize(block);
    block.retransmission.beginLoss(block.una, block.next);
    this.#context.markReady(block);
  }

  #freePortTo(path: IpPath, remote: Endpoint): number {
    const offset = this.#factory.portOffset(path.source, remote);
    return this.#freePort(
      offset,
      (port) =>
        this.#passive.hasListener(port) ||
        this.#table.findPair({ address: path.source, port }, remote) !== undefined,
    );
  }

  /**
   * RFC 6056 §3.3.3: a secret offset for each destination, then one port after the other, so that none comes again
   * before the others were used: its last connection may still be in TIME-WAIT at the peer.
   */
  #freePort(offset: number, isTaken: (port: number) => boolean): number {
    const { first, last } = EPHEMERAL_PORTS;
    const count = last - first + 1;
    for (let step = 0; step < count; step++) {
      this.#portsUsed++;
      const port = first + ((offset + this.#portsUsed) % count);
      if (!isTaken(port)) return port;
    }
    throw netstackError('netstack.no-free-port', `all TCP ports ${first}-${last} are in use`);
  }
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
