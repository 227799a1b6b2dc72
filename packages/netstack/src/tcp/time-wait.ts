import { ChurnSet } from '@orlop/core';
import { TCP_ACK } from '@orlop/wire';
import type { Endpoint, TcpCounters } from '../face.ts';
import type { BareSegmentSender } from './bare-segment.ts';
import { type ChallengeAccount, mayChallenge } from './challenge.ts';
import type { ConnectionTable, TableEntry } from './connection-table.ts';
import type { ControlBlock } from './control-block.ts';
import { timestampOf } from './options.ts';
import type { Segment } from './segment.ts';
import { distance, isAfter } from './sequence.ts';
import type { ResolvedTcpSettings } from './settings.ts';

/** What is kept of a connection in TIME-WAIT: what its last answers take. */
export class TimeWait implements TableEntry, ChallengeAccount {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  chain: TableEntry | undefined;
  /** SND.NXT and RCV.NXT. */
  readonly next: number;
  readonly receiveNext: number;
  /** The window field that says again what the peer was told. */
  readonly windowField: number;
  readonly hasTimestamps: boolean;
  readonly timestampOffset: number;
  readonly timestampRecent: number;
  expireAt: number;
  challenges = 0;
  challengesSince = 0;

  constructor(block: ControlBlock) {
    this.local = block.local;
    this.remote = block.remote;
    this.next = block.next;
    this.receiveNext = block.receiveNext;
    this.windowField = block.receiveWindow.offer(block.receiveNext, 0, 1);
    this.hasTimestamps = block.hasTimestamps;
    this.timestampOffset = block.timestampOffset;
    this.timestampRecent = block.timestampRecent;
    this.expireAt = block.expireAt;
  }
}

export interface TimeWaitParts {
  readonly table: ConnectionTable<TableEntry>;
  readonly settings: ResolvedTcpSettings;
  readonly counters: TcpCounters;
  readonly bare: BareSegmentSender;
}

/**
 * The connections in TIME-WAIT (RFC 9293 §3.6.1): both sides closed and we were first, so old segments may still come, and
 * the peer's FIN again. Each stands in the connection table in its control block's place.
 */
export class TimeWaits {
  readonly #parts: TimeWaitParts;
  /** In the order in which they end. */
  readonly #waiting = new ChurnSet<TimeWait>();
  /** None ends earlier. A number, as it is asked for in each poll. */
  #nextAt = Number.POSITIVE_INFINITY;

  constructor(parts: TimeWaitParts) {
    this.#parts = parts;
  }

  /** Takes the place of a connection in the table; the oldest goes where there are too many. */
  take(block: ControlBlock): void {
    const { table, settings } = this.#parts;
    const entry = new TimeWait(block);
    table.remove(block);
    table.add(entry);
    this.#waiting.add(entry);
    this.#nextAt = Math.min(this.#nextAt, entry.expireAt);
    for (const oldest of this.#waiting) {
      if (this.#waiting.size <= settings.maxTimeWait) break;
      this.#end(oldest);
    }
  }

  /**
   * RFC 9293 §3.10.7.4 in TIME-WAIT, with RFC 6191 for new connections and RFC 1337 against RST.
   *
   * @returns whether the segment begins a new connection, the old one being over
   */
  receive(entry: TimeWait, segment: Segment, now: number): boolean {
    if (segment.isRst) return false;
    if (segment.isSyn && !segment.isAck && isNewer(entry, segment)) {
      this.#end(entry);
      return true;
    }
    const isSameFin =
      segment.isFin && ((segment.sequence + segment.sequenceLength) | 0) === entry.receiveNext;
    if (isSameFin) this.#restart(entry, now);
    // A bare acknowledgement where it belongs asks nothing: two peers in TIME-WAIT would answer each other for ever.
    const asks = segment.sequenceLength > 0 || segment.sequence !== entry.receiveNext;
    if (asks && mayChallenge(entry, now)) this.#acknowledge(entry, now);
    return false;
  }

  /** Ends those whose time is over. */
  poll(now: number): void {
    if (now < this.#nextAt) return;
    this.#nextAt = Number.POSITIVE_INFINITY;
    for (const oldest of this.#waiting) {
      if (now < oldest.expireAt) {
        this.#nextAt = oldest.expireAt;
        return;
      }
      this.#end(oldest);
    }
  }

  pollAt(): number {
    return this.#nextAt;
  }

  #restart(entry: TimeWait, now: number): void {
    entry.expireAt = now + this.#parts.settings.timeWaitMs;
    this.#waiting.delete(entry);
    this.#waiting.add(entry);
  }

  #end(entry: TimeWait): void {
    this.#waiting.delete(entry);
    this.#parts.table.remove(entry);
  }

  #acknowledge(entry: TimeWait, now: number): void {
    const { bare, counters } = this.#parts;
    counters.challengeAcks++;
    const value = timestampOf(entry.timestampOffset, now) >>> 0;
    const timestamps = { value, echo: entry.timestampRecent >>> 0 };
    bare.send(entry.local, entry.remote, {
      sequence: entry.next,
      acknowledgment: entry.receiveNext,
      flags: TCP_ACK,
      window: entry.windowField,
      ...(entry.hasTimestamps && { options: { timestamps } }),
    });
  }
}

/** Within one tick of the peer's clock, its sequence numbers tell (RFC 6191 §2). */
function isNewer(entry: TimeWait, { sequence, options }: Segment): boolean {
  const knowsTime = entry.hasTimestamps && options.hasTimestamps;
  const laterBy = knowsTime ? distance(entry.timestampRecent, options.timestampValue) : 0;
  return laterBy > 0 || (laterBy === 0 && isAfter(sequence, entry.receiveNext));
}
