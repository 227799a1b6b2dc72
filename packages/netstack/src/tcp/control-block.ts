import type {
  Endpoint,
  KeepaliveOptions,
  TcpCloseReason,
  TcpHandler,
  TcpListener,
  TcpSocket,
  TcpState,
} from '../face.ts';
import type { IpPath } from '../ip/path.ts';
import type { NeighbourWaiter } from '../neighbours/neighbour-cache.ts';
import type { TimerEntry } from '../timer-queue.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { CongestionControl } from './congestion.ts';
import type { TableEntry } from './connection-table.ts';
import { ReceiveQueue } from './receive-queue.ts';
import { Retransmission } from './retransmit.ts';
import type { RttEstimator } from './rtt.ts';
import { SendQueue } from './send-queue.ts';
import { isAfter } from './sequence.ts';
import { MAX_SYN_ACK_RETRIES } from './settings.ts';
import { ReceiveWindow, SendWindow } from './window.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** Bits of `events`: what the owner is still to be told, in this order. */
export const EVENT_OPEN = 1;
export const EVENT_READABLE = 2;
export const EVENT_WRITABLE = 4;
export const EVENT_END = 8;
export const EVENT_CLOSE = 16;

export interface ControlBlockInit {
  readonly path: IpPath;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly pool: BufferPool;
  readonly rtt: RttEstimator;
  readonly congestion: CongestionControl;
  readonly initialSequence: number;
  readonly timestampOffset: number;
  readonly sendLimit: { readonly initial: number; readonly max: number };
  readonly receiveLimit: { readonly initial: number; readonly max: number };
  readonly state: TcpState;
}

/** The peer's half of the handshake. */
export interface PeerSyn {
  readonly sequence: number;
  /** 0 if absent. */
  readonly mss: number;
  /** -1 if absent. */
  readonly windowScale: number;
  readonly sackPermitted: boolean;
  readonly hasTimestamps: boolean;
  readonly timestampValue: number;
}

/**
 * All that is known of one connection (the TCB of RFC 9293 §3.3.1), in the RFC's words: `una`, `next` are SND.UNA
 * and SND.NXT, `receiveNext` is RCV.NXT. Input, output and timers work on it.
 *
 * Invariant: una <= next in sequence order; the send queue begins at `una` once the SYN is acknowledged.
 */
export class ControlBlock implements TableEntry, TimerEntry, NeighbourWaiter {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly path: IpPath;
  chain: TableEntry | undefined;
  state: TcpState;
  handler: TcpHandler = {};
  socket: TcpSocket | undefined;
  /** Set while the connection counts in a listener's backlog. */
  listener: BacklogOwner | undefined;

  una: number;
  next: number;
  readonly initialSequence: number;
  readonly sendWindow = new SendWindow();
  readonly sendQueue: SendQueue;
  readonly maxSendLimit: number;
  sendLimit: number;
  /** The program said that it will write no more. */
  finQueued = false;
  /** Sequence number of our FIN, once queued. */
  finSequence = 0;
  noDelay = false;

  receiveNext = 0;
  readonly receiveWindow = new ReceiveWindow();
  /** Our SYN carries a window scale: always in the first of two, in the answer only if the peer's did. */
  offersScale = true;
  readonly receiveQueue: ReceiveQueue;
  readonly maxReceiveLimit: number;
  receiveLimit: number;
  /** The peer's FIN was seen (perhaps beyond a hole), at this sequence number. */
  peerFinSeen = false;
  peerFin = 0;
  peerFinReached = false;

  /** Bytes of payload per segment without options, by the peer's MSS and the path. */
  peerMss: number;
  /** The largest payload per segment, timestamps taken off. */
  segmentSize = 0;
  /** The largest payload that came, for delayed acknowledgements. */
  receivedSegmentSize = 1;
  hasSack = false;
  hasTimestamps = false;
  timestampRecent = 0;
  timestampRecentAt = 0;
  readonly timestampOffset: number;
  /** ACK field of the last segment we sent. */
  lastAckSent = 0;

  readonly rtt: RttEstimator;
  readonly congestion: CongestionControl;
  readonly retransmission = new Retransmission();
  /** A round trip is being measured up to `timedEnd`, begun at `timedAt` (-1 = none). */
  timedEnd = 0;
  timedAt = -1;
  /** Our clock at the time-out that began `loss`, to recognize a needless one (RFC 3522). */
  lossTimestamp = 0;
  lossMayBeSpurious = false;
  retries = 0;
  /** Repeats of SYN or SYN-ACK. */
  handshakeRetries = MAX_SYN_ACK_RETRIES;
  /** The last thing sent at. */
  lastSentAt = 0;

  ackNow = false;
  /** A SYN or SYN-ACK is to be sent. */
  synDue = false;
  /** One byte is to be sent although the window is closed. */
  probeDue = false;
  keepaliveDue = false;
  quickAcks: number;
  /** Bytes received since the last acknowledgement. */
  unacknowledgedIn = 0;

  retransmitAt = NEVER;
  persistAt = NEVER;
  delayedAckAt = NEVER;
  keepaliveAt = NEVER;
  /** TIME-WAIT ends. No timer here: a `TimeWait` stands for the connection by then. */
  expireAt = NEVER;
  persistCount = 0;
  keepalive: KeepaliveOptions | undefined;
  keepaliveProbes = 0;
  lastHeardAt = 0;

  challenges = 0;
  challengesSince = 0;

  /** Autotuning of the receive queue: bytes consumed since `tuneStart`. */
  tuneBytes = 0;
  tuneStart = 0;

  deadline = NEVER;
  queuedDeadline = NEVER;
  queueIndex = -1;
  /** In the list of connections that have something to send. */
  ready = false;
  events = 0;
  telling = false;
  /** A write was not taken whole. */
  wantsSpace = false;
  closeReason: TcpCloseReason | undefined;
  closeTold = false;

  bytesIn = 0;
  bytesOut = 0;
  retransmittedSegments = 0;
  readonly #onReady: (block: ControlBlock, reached: boolean) => void;

  constructor(
    init: ControlBlockInit,
    onNeighbour: (block: ControlBlock, reached: boolean) => void,
    quickAcks: number,
  ) {
    this.local = init.local;
    this.remote = init.remote;
    this.path = init.path;
    this.state = init.state;
    this.initialSequence = init.initialSequence;
    this.una = init.initialSequence;
    this.next = init.initialSequence;
    this.timestampOffset = init.timestampOffset;
    this.sendQueue = new SendQueue(init.pool);
    this.receiveQueue = new ReceiveQueue(init.pool);
    this.sendLimit = init.sendLimit.initial;
    this.maxSendLimit = init.sendLimit.max;
    this.receiveLimit = init.receiveLimit.initial;
    this.maxReceiveLimit = init.receiveLimit.max;
    this.peerMss = 0;
    this.rtt = init.rtt;
    this.congestion = init.congestion;
    this.quickAcks = quickAcks;
    this.#onReady = onNeighbour;
    this.retransmission.point = init.initialSequence;
  }

  onNeighbour(reached: boolean): void {
    this.#onReady(this, reached);
  }

  /** Our FIN was sent (it may have to be sent again). */
  get finSent(): boolean {
    return this.finQueued && isAfter(this.next, this.finSequence);
  }

  get finAcknowledged(): boolean {
    return this.finQueued && isAfter(this.una, this.finSequence);
  }

  /** The earliest of all timers. */
  earliestTimer(): number {
    return Math.min(this.retransmitAt, this.persistAt, this.delayedAckAt, this.keepaliveAt);
  }

  stopTimers(): void {
    this.retransmitAt = NEVER;
    this.persistAt = NEVER;
    this.delayedAckAt = NEVER;
    this.keepaliveAt = NEVER;
  }
}

/** A listener, as a connection in its backlog sees it. */
export interface BacklogOwner extends TcpListener {
  readonly onEstablished: (block: ControlBlock) => void;
  readonly onGone: (block: ControlBlock) => void;
}
