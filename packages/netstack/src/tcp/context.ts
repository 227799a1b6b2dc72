import type { FrameSink, TcpCloseReason, TcpCounters, TcpSocket } from '../face.ts';
import type { IpLayer } from '../ip/ip-layer.ts';
import type { TimerQueue } from '../timer-queue.ts';
import type { BufferPool } from './buffer-pool.ts';
import { mayChallenge } from './challenge.ts';
import type { ConnectionTable, TableEntry } from './connection-table.ts';
import {
  type ControlBlock,
  EVENT_CLOSE,
  EVENT_END,
  EVENT_OPEN,
  EVENT_READABLE,
  EVENT_WRITABLE,
} from './control-block.ts';
import type { ResolvedTcpSettings } from './settings.ts';
import type { TimeWaits } from './time-wait.ts';

export interface TcpContextInit {
  readonly ip: IpLayer;
  readonly settings: ResolvedTcpSettings;
  readonly counters: TcpCounters;
  readonly pool: BufferPool;
  readonly table: ConnectionTable<TableEntry>;
  readonly timers: TimerQueue<ControlBlock>;
  readonly timeWaits: TimeWaits;
  readonly checksumOffload: boolean;
  readonly wake: () => void;
}

/** Sends what one connection may send; false when the link is full. */
export type Transmit = (context: TcpContext, block: ControlBlock, sink: FrameSink) => boolean;

/** What all connections of a stack share; input, output, timers and sockets get it. */
export class TcpContext {
  readonly ip: IpLayer;
  readonly settings: ResolvedTcpSettings;
  readonly counters: TcpCounters;
  readonly pool: BufferPool;
  readonly table: ConnectionTable<TableEntry>;
  readonly timers: TimerQueue<ControlBlock>;
  readonly checksumOffload: boolean;
  readonly #timeWaits: TimeWaits;
  readonly #wake: () => void;
  #ready: ControlBlock[] = [];
  /**
   * The connection that was closed last. V8 throws away the code that it compiled for a kind of object when the last one is
   * collected, and then the first seconds of work after a pause are as slow as those of a new process.
   */
  lastClosed: ControlBlock | undefined;
  /** Empty, for the next round. */
  #spare: ControlBlock[] = [];

  constructor(init: TcpContextInit) {
    this.ip = init.ip;
    this.settings = init.settings;
    this.counters = init.counters;
    this.pool = init.pool;
    this.table = init.table;
    this.timers = init.timers;
    this.checksumOffload = init.checksumOffload;
    this.#timeWaits = init.timeWaits;
    this.#wake = init.wake;
  }

  get now(): number {
    return this.ip.now;
  }

  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** The connection may have something to send: it is looked at in the next poll. */
  markReady(block: ControlBlock): void {
    if (block.ready) return;
    block.ready = true;
    this.#ready.push(block);
    this.#wake();
  }

  /**
   * Lets each ready connection send. `transmit` returns false when the link is full and true when it is done;
   * a connection that has more to send marks itself ready again.
   */
  drainReady(sink: FrameSink, transmit: Transmit): boolean {
    while (this.#ready.length > 0) {
      const round = this.#ready;
      this.#ready = this.#spare;
      this.#spare = [];
      for (let index = 0; index < round.length; index++) {
        const block = round[index];
        block.ready = false;
        if (transmit(this, block, sink)) continue;
        block.ready = true;
        this.#ready = [...round.slice(index), ...this.#ready];
        return false;
      }
      // To set its length costs more, and most rounds have one.
      while (round.length > 0) round.pop();
      this.#spare = round;
    }
    return true;
  }

  /** To be called after timers of the connection changed. */
  schedule(block: ControlBlock): void {
    block.deadline = block.earliestTimer();
    this.timers.update(block);
  }

  /** An acknowledgement that a doubtful segment provokes, at a limited rate (RFC 5961 §7). */
  challenge(block: ControlBlock): void {
    if (!mayChallenge(block, this.now)) return;
    this.counters.challengeAcks++;
    block.ackNow = true;
    this.markReady(block);
  }

  /** The connection is over without TIME-WAIT. */
  close(block: ControlBlock, reason: TcpCloseReason): void {
    if (block.state === 'closed') return;
    block.state = 'closed';
    this.lastClosed = block;
    this.table.remove(block);
    block.stopTimers();
    this.timers.remove(block);
    block.path.neighbour.waiters.delete(block);
    block.sendQueue.clear();
    if (reason !== 'finished') block.receiveQueue.clear();
    this.#leaveBacklog(block);
    this.#tellClosed(block, reason);
  }

  /** Both sides closed and we were first. The block has its last acknowledgement to send, and is its owner's then. */
  enterTimeWait(block: ControlBlock): void {
    block.state = 'time-wait';
    this.lastClosed = block;
    block.stopTimers();
    this.timers.remove(block);
    block.sendQueue.clear();
    block.retransmission.scoreboard.clear();
    block.expireAt = this.now + this.settings.timeWaitMs;
    this.#timeWaits.take(block);
    this.#tellClosed(block, 'finished');
  }

  tell(block: ControlBlock, event: number): void {
    block.events |= event;
  }

  /** Calls the owner for each event that waits. Its calls back into the socket may cause more. */
  dispatch(block: ControlBlock): void {
    if (block.telling || block.events === 0) return;
    const { socket } = block;
    if (socket === undefined) return;
    block.telling = true;
    try {
      while (block.events !== 0) this.#tellNext(block, socket);
    } finally {
      // A program's exception is its own; the connection goes on.
      block.telling = false;
    }
  }

  #tellNext(block: ControlBlock, socket: TcpSocket): void {
    const event = block.events & -block.events;
    block.events ^= event;
    const { handler } = block;
    if (event === EVENT_OPEN) handler.onOpen?.(socket);
    else if (event === EVENT_READABLE) handler.onReadable?.(socket);
    else if (event === EVENT_WRITABLE) handler.onWritable?.(socket);
    else if (event === EVENT_END) handler.onEnd?.(socket);
    else if (event === EVENT_CLOSE && !this.#closeMustWait(block)) {
      block.closeTold = true;
      handler.onClose?.(socket, block.closeReason ?? 'finished');
    }
  }

  #leaveBacklog(block: ControlBlock): void {
    block.listener?.onGone(block);
    block.listener = undefined;
  }

  #tellClosed(block: ControlBlock, reason: TcpCloseReason): void {
    if (block.closeReason !== undefined) return;
    block.closeReason = reason;
    this.tell(block, EVENT_CLOSE);
    if (reason !== 'finished') block.events &= EVENT_CLOSE;
  }

  /** After an orderly end, what was received can still be read: `onClose` comes when it is. */
  #closeMustWait(block: ControlBlock): boolean {
    return block.closeReason === 'finished' && block.receiveQueue.readable > 0;
  }
}
