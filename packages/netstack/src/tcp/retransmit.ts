import { DUPLICATE_THRESHOLD, Scoreboard } from './scoreboard.ts';
import { distance, isBefore, latest } from './sequence.ts';

/**
 * - `open`: nothing is known to be lost
 * - `recovery`: fast recovery, RFC 6675 with SACK, RFC 6582 without
 * - `loss`: the retransmission timer ran out; all that is not SACKed below `point` is sent again
 */
export type RecoveryPhase = 'open' | 'recovery' | 'loss';

/** What is lost, what of it was sent again, and how much is in flight. */
export class Retransmission {
  phase: RecoveryPhase = 'open';
  /** Recovery ends when everything before it is acknowledged. */
  point = 0;
  /** HighRxt: retransmissions of this recovery have come so far. */
  highest = 0;
  duplicateAcks = 0;
  /** Without SACK: bytes that duplicate acknowledgements say have left the network. */
  #departed = 0;
  /** The next retransmission goes whatever the window says. */
  forced = false;
  readonly scoreboard = new Scoreboard();

  /** RFC 6675 §4 SetPipe, in bytes; without SACK the equivalent of RFC 6582's inflated window. */
  pipe(una: number, next: number, segmentBytes: number, hasSack: boolean): number {
    const flight = distance(una, next);
    if (this.phase === 'open') {
      // Limited transmit (RFC 3042): two at most; duplicates that begin no recovery are those of old segments.
      const departed = Math.min(this.#departed, (DUPLICATE_THRESHOLD - 1) * segmentBytes);
      return flight - this.scoreboard.sackedBytes - departed;
    }
    const board = this.scoreboard;
    if (this.phase === 'loss') {
      return (
        board.unsackedBetween(una, this.highest) +
        board.unsackedBetween(latest(this.point, this.highest), next)
      );
    }
    if (!hasSack) return Math.max(0, flight - this.#departed);
    const lost = board.lostBelow(una, segmentBytes);
    return board.unsackedBetween(latest(lost, una), next) + board.unsackedBetween(una, this.highest);
  }

  /**
   * What to send again next: its first sequence number in `sequence`, and its length (0 = nothing).
   */
  next(
    una: number,
    sendNext: number,
    segmentBytes: number,
    hasSack: boolean,
  ): { sequence: number; length: number } {
    const plan = this.#plan;
    plan.length = 0;
    if (this.phase === 'open') return plan;
    const start = this.scoreboard.nextUnsacked(latest(una, this.highest));
    const limit = this.#limit(una, segmentBytes, hasSack);
    if (!isBefore(start, limit)) return plan;
    plan.sequence = start;
    const most = Math.min(segmentBytes, distance(start, sendNext));
    plan.length = this.scoreboard.holeLength(start, most);
    return plan;
  }

  readonly #plan = { sequence: 0, length: 0 };

  onRetransmitted(end: number): void {
    this.highest = latest(this.highest, end);
    this.forced = false;
  }

  /** A duplicate acknowledgement came. True when fast recovery should begin. */
  onDuplicate(una: number, segmentBytes: number, hasSack: boolean): boolean {
    this.duplicateAcks++;
    if (!hasSack && this.phase !== 'loss') this.#departed += segmentBytes;
    // Without SACK, what the last recovery sent needlessly makes duplicates too (RFC 6582 §3.2 step 1).
    if (!hasSack && !isBefore(this.point, una)) return false;
    return this.phase === 'open' && this.indicatesLoss(una, segmentBytes, hasSack);
  }

  /** RFC 6675 §5 (1), (2); RFC 5681 §3.2 without SACK. */
  indicatesLoss(una: number, segmentBytes: number, hasSack: boolean): boolean {
    if (this.duplicateAcks >= DUPLICATE_THRESHOLD) return true;
    return hasSack && this.scoreboard.lostBelow(una, segmentBytes) !== una;
  }

  beginRecovery(una: number, next: number): void {
    this.phase = 'recovery';
    this.point = next;
    this.highest = una;
    this.forced = true;
  }

  /** Everything outstanding is to be sent again. */
  beginLoss(una: number, next: number): void {
    this.phase = 'loss';
    this.point = next;
    this.highest = una;
    this.duplicateAcks = 0;
    this.#departed = 0;
    this.forced = true;
  }

  /** The loss was none: what is in flight may still arrive. */
  cancel(una: number): void {
    this.phase = 'open';
    this.point = (una - 1) | 0;
    this.forced = false;
    this.duplicateAcks = 0;
    this.#departed = 0;
  }

  /** `una` moved by `bytes`. Returns true when recovery is over. */
  onAdvance(una: number, bytes: number, segmentBytes: number, hasSack: boolean): boolean {
    this.scoreboard.advance(una);
    this.duplicateAcks = 0;
    if (this.phase === 'open' || !isBefore(una, this.point)) {
      const ended = this.phase !== 'open';
      this.phase = 'open';
      this.forced = false;
      this.#departed = 0;
      return ended;
    }
    if (this.phase === 'recovery' && !hasSack) {
      // A partial acknowledgement (RFC 6582 §3.2 step 3): the next hole goes at once.
      this.#departed = Math.max(0, this.#departed - bytes + segmentBytes);
      this.highest = una;
      this.forced = true;
    }
    return false;
  }

  #limit(una: number, segmentBytes: number, hasSack: boolean): number {
    if (this.phase === 'loss') return this.point;
    if (!hasSack) return (una + 1) | 0;
    const lost = latest(this.scoreboard.lostBelow(una, segmentBytes), una);
    // Three duplicates without three ranges: at least the first segment is gone.
    return this.forced && lost === una ? (una + 1) | 0 : lost;
  }
}
