import type { TcpContext } from './context.ts';
import { type ControlBlock, EVENT_WRITABLE } from './control-block.ts';
import { timestampOf } from './options.ts';
import type { Segment } from './segment.ts';
import { distance, isAfter, isBefore } from './sequence.ts';

/**
 * The ACK field of a segment for a synchronized connection (RFC 9293 §3.10.7.4, fifth check). False = the segment
 * is not to be looked at further.
 */
export function acknowledge(context: TcpContext, block: ControlBlock, segment: Segment): boolean {
  const ack = segment.acknowledgment;
  const advanced = distance(block.una, ack);
  if (isAfter(ack, block.next) || -advanced > Math.max(block.sendWindow.largest, 0xffff)) {
    // Data never sent, or far too old (RFC 5961 §5).
    context.challenge(block);
    return false;
  }
  const flightBefore = distance(block.una, block.next);
  const sackNews = readSack(block, segment);
  const wasClosed = block.sendWindow.bytes === 0;
  const windowChanged = advanced >= 0 && block.sendWindow.update(segment.window, segment.sequence, ack);
  if (advanced > 0) onAdvance(context, block, segment, advanced, flightBefore);
  else if (advanced === 0 && flightBefore > 0) {
    // With SACK, news make a duplicate, whatever else the segment carries (RFC 6675 §2); else RFC 5681 §2.
    const duplicate = block.hasSack
      ? sackNews > 0
      : segment.dataLength === 0 && !segment.isFin && !windowChanged;
    if (duplicate) onDuplicate(context, block);
  }
  if (sackNews > 0) onSackNews(context, block);
  if (wasClosed && block.sendWindow.bytes > 0) onWindowOpened(context, block);
  if (block.sendWindow.bytes === 0) block.retries = 0; // it answers: the window may stay closed for ever
  if (flightBefore > 0 || windowChanged) context.markReady(block);
  return true;
}

/** Returns how many bytes the peer newly reported to have. */
function readSack(block: ControlBlock, segment: Segment): number {
  const { options } = segment;
  if (!block.hasSack || options.sackCount === 0) return 0;
  const { scoreboard } = block.retransmission;
  let news = 0;
  for (let index = 0; index < options.sackCount; index++) {
    const left = options.sackEdges[2 * index] | 0;
    const right = options.sackEdges[2 * index + 1] | 0;
    // Below the acknowledgment it is a duplicate report (RFC 2883); beyond what was sent it is a lie.
    const base = isAfter(segment.acknowledgment, block.una) ? segment.acknowledgment : block.una;
    if (!isBefore(left, right) || isBefore(left, base) || isAfter(right, block.next)) continue;
    news += scoreboard.mark(left, right);
  }
  return news;
}

function onAdvance(
  context: TcpContext,
  block: ControlBlock,
  segment: Segment,
  advanced: number,
  flightBefore: number,
): void {
  const ack = segment.acknowledgment;
  const { retransmission, congestion } = block;
  measure(context, block, segment);
  block.una = ack;
  block.retries = 0;
  block.persistCount = 0;
  const finAcknowledged = block.finAcknowledged;
  const data = Math.min(block.sendQueue.length, finAcknowledged ? advanced - 1 : advanced);
  if (data > 0) block.sendQueue.discard(data);
  undoIfSpurious(block, segment);
  const phase = retransmission.phase;
  retransmission.onAdvance(ack, advanced, block.segmentSize, block.hasSack);
  const limited = flightBefore + block.segmentSize >= congestion.windowBytes / 2;
  if (phase !== 'recovery' && limited) {
    congestion.onAcknowledged(advanced, context.now, block.rtt.smoothedMs ?? 0);
  }
  block.retransmitAt = ack === block.next ? Number.POSITIVE_INFINITY : context.now + block.rtt.timeoutMs;
  context.schedule(block);
  growSendLimit(block);
  offerSpace(context, block);
  if (finAcknowledged) onFinAcknowledged(context, block);
}

/** RFC 6298 §3 (Karn), RFC 7323 §4: by a timed segment, or by the echoed timestamp after a retransmission. */
function measure(context: TcpContext, block: ControlBlock, segment: Segment): void {
  if (block.timedAt >= 0 && !isBefore(segment.acknowledgment, block.timedEnd)) {
    block.rtt.sample(context.now - block.timedAt);
    block.timedAt = -1;
    return;
  }
  const { options } = segment;
  if (block.timedAt < 0 && block.hasTimestamps && options.timestampEcho !== 0) {
    const elapsed = distance(options.timestampEcho, timestampOf(block.timestampOffset, context.now));
    if (elapsed >= 0) block.rtt.sample(elapsed);
    return;
  }
  block.rtt.endBackoff();
}

/**
 * The Eifel detection (RFC 3522): the first acknowledgement after a time-out or a fast retransmission echoes a
 * timestamp from before it, so the original arrived late and nothing was lost.
 */
function undoIfSpurious(block: ControlBlock, segment: Segment): void {
  if (!block.lossMayBeSpurious) return;
  block.lossMayBeSpurious = false;
  if (block.retransmission.phase === 'open' || !block.hasTimestamps) return;
  if (!isBefore(segment.options.timestampEcho, block.lossTimestamp)) return;
  block.retransmission.cancel(block.una);
  block.congestion.undo();
}

function onDuplicate(context: TcpContext, block: ControlBlock): void {
  if (block.retransmission.onDuplicate(block.una, block.segmentSize, block.hasSack))
    beginRecovery(context, block);
}

function onSackNews(context: TcpContext, block: ControlBlock): void {
  const { retransmission } = block;
  if (retransmission.phase !== 'open' || block.una === block.next) return;
  if (retransmission.indicatesLoss(block.una, block.segmentSize, true)) beginRecovery(context, block);
}

function beginRecovery(context: TcpContext, block: ControlBlock): void {
  block.congestion.onLoss(distance(block.una, block.next), context.now);
  block.retransmission.beginRecovery(block.una, block.next);
  block.timedAt = -1;
  block.lossMayBeSpurious = true;
  block.lossTimestamp = timestampOf(block.timestampOffset, context.now);
}

/** What a probe put beyond the closed window was not taken: it is sent again as fresh data. */
function onWindowOpened(context: TcpContext, block: ControlBlock): void {
  block.persistAt = Number.POSITIVE_INFINITY;
  block.persistCount = 0;
  block.probeDue = false;
  if (distance(block.una, block.next) > 0) block.retransmission.beginLoss(block.una, block.next);
  context.schedule(block);
}

/** The queue may hold twice what the path and the peer let be in flight. */
function growSendLimit(block: ControlBlock): void {
  if (block.sendLimit >= block.maxSendLimit) return;
  const flight = Math.min(block.congestion.windowBytes, block.sendWindow.largest);
  // In whole bytes: a window of CUBIC is none, and a part of a byte would be room that nothing fits into.
  block.sendLimit = Math.max(block.sendLimit, Math.min(block.maxSendLimit, Math.floor(2 * flight)));
}

/** The program is told when a third of the queue is free: not for every segment. */
function offerSpace(context: TcpContext, block: ControlBlock): void {
  if (!block.wantsSpace || block.finQueued) return;
  if (block.sendLimit - block.sendQueue.length < block.sendLimit / 3) return;
  block.wantsSpace = false;
  context.tell(block, EVENT_WRITABLE);
}

function onFinAcknowledged(context: TcpContext, block: ControlBlock): void {
  switch (block.state) {
    case 'fin-wait-1':
      block.state = 'fin-wait-2';
      return;
    case 'closing':
      context.enterTimeWait(block);
      return;
    case 'last-ack':
      context.close(block, 'finished');
      return;
    default:
      return;
  }
}
