import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_SYN } from '@orlop/wire';
import type { FrameSink } from '../face.ts';
import type { TcpContext } from './context.ts';
import type { ControlBlock } from './control-block.ts';
import { updateSegmentSize } from './establish.ts';
import { emptySegmentSequence, sendSegment, sendSyn, UNFINISHED_MIN_BYTES } from './send-segment.ts';
import { distance } from './sequence.ts';
import { BURST_SEGMENTS } from './settings.ts';

/** What one frame carries for a link that cuts it: an IP packet with its headers stays below 65,536 bytes. */
const MAX_BATCH_BYTES = 65_000;

/**
 * Sends what the connection may send now. False = the link is full, to be called again; a connection that sent
 * its share and has more marks itself ready.
 */
export function transmit(context: TcpContext, block: ControlBlock, sink: FrameSink): boolean {
  if (block.state === 'closed') return true;
  if (!context.ip.isResolved(block.path, context.now)) {
    block.path.neighbour.waiters.add(block);
    return true;
  }
  switch (block.state) {
    case 'syn-sent':
      return !block.synDue || sendSyn(context, block, sink, TCP_SYN);
    case 'syn-received':
      return transmitSynReceived(context, block, sink);
    case 'time-wait':
      return sendPureAck(context, block, sink);
    default:
      return transmitData(context, block, sink);
  }
}

/** How much of the queue was not sent yet. */
function unsentBytes(block: ControlBlock): number {
  return block.finSent ? 0 : block.sendQueue.length - distance(block.una, block.next);
}

function transmitSynReceived(context: TcpContext, block: ControlBlock, sink: FrameSink): boolean {
  if (block.synDue) return sendSyn(context, block, sink, TCP_SYN | TCP_ACK);
  return sendPureAck(context, block, sink);
}

function transmitData(context: TcpContext, block: ControlBlock, sink: FrameSink): boolean {
  if (context.now >= block.path.mtuUntil) raiseMtu(context, block);
  if (block.keepaliveDue && !sendKeepalive(context, block, sink)) return false;
  for (let sent = 0; sent < BURST_SEGMENTS; sent++) {
    const length = retransmissionLength(block);
    if (length > 0) {
      if (!sendRetransmission(context, block, sink, length)) return false;
      continue;
    }
    const fresh = batchLength(block, freshLength(context, block), sink);
    if (fresh < 0) {
      armTimers(context, block);
      return sendPureAck(context, block, sink);
    }
    if (!sendFresh(context, block, sink, fresh)) return false;
  }
  context.markReady(block);
  return true;
}

/** What a router said of the path was so ten minutes ago: larger segments are tried. */
function raiseMtu(context: TcpContext, block: ControlBlock): void {
  context.ip.renewMtu(block.path, context.now);
  updateSegmentSize(block);
}

/** How much to send again now; 0 = nothing. */
function retransmissionLength(block: ControlBlock): number {
  const { retransmission } = block;
  if (retransmission.phase === 'open' || block.una === block.next) return 0;
  const plan = retransmission.next(block.una, block.next, block.segmentSize, block.hasSack);
  if (plan.length === 0) return 0;
  // Into a closed window, one segment asks (RFC 9293 §3.8.6.1): the rest would be dropped as well.
  if (block.sendWindow.bytes === 0) return retransmission.forced ? plan.length : 0;
  const pipe = retransmission.pipe(block.una, block.next, block.segmentSize, block.hasSack);
  const fits = pipe === 0 || pipe + plan.length <= block.congestion.windowBytes;
  return retransmission.forced || fits ? plan.length : 0;
}

function sendRetransmission(
  context: TcpContext,
  block: ControlBlock,
  sink: FrameSink,
  length: number,
): boolean {
  const { retransmission } = block;
  const { sequence } = retransmission.next(block.una, block.next, block.segmentSize, block.hasSack);
  const withFin = block.finSent && distance(sequence, block.finSequence) < length;
  const dataLength = withFin ? length - 1 : length;
  const flags = TCP_ACK | (dataLength > 0 ? TCP_PSH : 0) | (withFin ? TCP_FIN : 0);
  if (!sendSegment(context, block, sink, { sequence, dataLength, flags })) return false;
  retransmission.onRetransmitted((sequence + length) | 0);
  block.retransmittedSegments++;
  context.counters.retransmits++;
  block.timedAt = -1;
  return true;
}

/**
 * How many fresh bytes to send in one segment now; 0 with a FIN or probe alone, -1 = nothing. Nagle and the
 * sender's silly window avoidance are RFC 9293 §3.7.4 and §3.8.6.2.1.
 */
function freshLength(context: TcpContext, block: ControlBlock): number {
  const unsent = unsentBytes(block);
  const flight = distance(block.una, block.next);
  const finDue = block.finQueued && !block.finSent;
  if (unsent === 0) return finDue ? 0 : -1;
  const usable = block.sendWindow.bytes - flight;
  if (usable <= 0) return block.probeDue ? Math.min(1, unsent) : -1;
  const { segmentSize } = block;
  const length = Math.min(unsent, usable, segmentSize);
  const { retransmission, congestion } = block;
  if (flight === 0) restartIfIdle(context, block);
  const pipe = retransmission.pipe(block.una, block.next, segmentSize, block.hasSack);
  if (pipe > 0 && pipe + length > congestion.windowBytes) return -1;
  if (length === segmentSize || block.probeDue) return length;
  if (length === unsent) return block.noDelay || flight === 0 || finDue ? length : -1;
  return length >= block.sendWindow.largest / 2 ? length : -1;
}

/** As many full segments as may go now, where the link cuts them; else the one that was asked about. */
function batchLength(block: ControlBlock, length: number, sink: FrameSink): number {
  const { segmentSize } = block;
  if (
    length !== segmentSize ||
    segmentSize < UNFINISHED_MIN_BYTES ||
    sink.segmentation !== true ||
    block.retransmission.phase !== 'open'
  )
    return length;
  const flight = distance(block.una, block.next);
  const usable = Math.min(unsentBytes(block), block.sendWindow.bytes - flight);
  const pipe = block.retransmission.pipe(block.una, block.next, segmentSize, block.hasSack);
  const may = Math.min(usable, block.congestion.windowBytes - pipe, MAX_BATCH_BYTES);
  return Math.max(length, may - (may % segmentSize));
}

function sendFresh(context: TcpContext, block: ControlBlock, sink: FrameSink, length: number): boolean {
  const sequence = block.next;
  const last = length === unsentBytes(block);
  const withFin = last && block.finQueued;
  const flags = TCP_ACK | (last && length > 0 ? TCP_PSH : 0) | (withFin ? TCP_FIN : 0);
  if (!sendSegment(context, block, sink, { sequence, dataLength: length, flags })) return false;
  block.probeDue = false;
  block.next = (sequence + length + (withFin ? 1 : 0)) | 0;
  block.bytesOut += length;
  if (withFin) onFinSent(block);
  if (block.timedAt < 0 && length > 0) {
    block.timedAt = context.now;
    block.timedEnd = block.next;
  }
  return true;
}

function onFinSent(block: ControlBlock): void {
  if (block.state === 'established') block.state = 'fin-wait-1';
  else if (block.state === 'close-wait') block.state = 'last-ack';
}

/** RFC 5681 §4.1: after a time-out's worth of silence the window starts again. */
function restartIfIdle(context: TcpContext, block: ControlBlock): void {
  if (block.lastSentAt > 0 && context.now - block.lastSentAt > block.rtt.timeoutMs) block.congestion.onIdle();
}

/** Retransmission timer while something is in flight, persist timer while the window keeps us from sending. */
function armTimers(context: TcpContext, block: ControlBlock): void {
  const { now } = context;
  const inFlight = block.una !== block.next;
  const blocked =
    unsentBytes(block) > 0 && block.sendWindow.bytes - distance(block.una, block.next) < block.segmentSize;
  if (inFlight && block.sendWindow.bytes > 0) {
    if (block.retransmitAt === Number.POSITIVE_INFINITY) block.retransmitAt = now + block.rtt.timeoutMs;
    block.persistAt = Number.POSITIVE_INFINITY;
  } else if (inFlight || blocked) {
    block.retransmitAt = Number.POSITIVE_INFINITY;
    if (block.persistAt === Number.POSITIVE_INFINITY) {
      block.persistAt = now + Math.min(60_000, block.rtt.timeoutMs * 2 ** block.persistCount);
    }
  }
  context.schedule(block);
}

function sendPureAck(context: TcpContext, block: ControlBlock, sink: FrameSink): boolean {
  if (!block.ackNow) return true;
  const sequence = emptySegmentSequence(block);
  return sendSegment(context, block, sink, { sequence, dataLength: 0, flags: TCP_ACK });
}

/** RFC 9293 §3.8.4: a segment just below the window, which the peer must acknowledge. */
function sendKeepalive(context: TcpContext, block: ControlBlock, sink: FrameSink): boolean {
  const sequence = (block.next - 1) | 0;
  if (!sendSegment(context, block, sink, { sequence, dataLength: 0, flags: TCP_ACK })) return false;
  block.keepaliveDue = false;
  return true;
}
