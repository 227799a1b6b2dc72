import { acknowledge } from './acknowledge.ts';
import { tuneReceiveLimit } from './autotune.ts';
import type { TcpContext } from './context.ts';
import { type ControlBlock, EVENT_END, EVENT_OPEN, EVENT_READABLE } from './control-block.ts';
import { adoptPeerSyn, becomeEstablished, readPeerSyn } from './establish.ts';
import type { Segment } from './segment.ts';
import { hasMuchRoomAgain } from './send-segment.ts';
import { distance, isAcceptable, isAfter, isBefore } from './sequence.ts';
import { PASS_ON_MIN_BYTES, SHORT_MESSAGE_BYTES, TIMESTAMP_LIFETIME_MS } from './settings.ts';

/** What the stack does with a segment after the connection looked at it: nothing, or answer RST. */
export type SegmentVerdict = 'taken' | 'reset';

/** A segment arrives for an existing connection (RFC 9293 §3.10.7). */
export function segmentArrives(context: TcpContext, block: ControlBlock, segment: Segment): SegmentVerdict {
  switch (block.state) {
    case 'closed':
      return 'reset';
    case 'syn-sent':
      return arrivesInSynSent(context, block, segment);
    default:
      return arrivesSynchronized(context, block, segment);
  }
}

/** RFC 9293 §3.10.7.3. */
function arrivesInSynSent(context: TcpContext, block: ControlBlock, segment: Segment): SegmentVerdict {
  const acceptable = segment.isAck && segment.acknowledgment === ((block.initialSequence + 1) | 0);
  if (segment.isAck && !acceptable) return segment.isRst ? 'taken' : 'reset';
  if (segment.isRst) {
    if (acceptable) context.close(block, 'refused');
    return 'taken';
  }
  if (!segment.isSyn) return 'taken';
  adoptPeerSyn(context, block, readPeerSyn(segment));
  if (segment.isAck) {
    block.sendWindow.start(segment.window, segment.sequence, segment.acknowledgment);
    block.ackNow = true;
    becomeEstablished(context, block, segment);
    return 'taken';
  }
  // Both sides opened at once (RFC 9293 §3.5, figure 7).
  block.state = 'syn-received';
  block.sendWindow.start(segment.window, segment.sequence, block.una);
  block.synDue = true;
  context.markReady(block);
  return 'taken';
}

function arrivesSynchronized(context: TcpContext, block: ControlBlock, segment: Segment): SegmentVerdict {
  if (!checkTimestamps(context, block, segment)) return 'taken';
  const windowBytes = Math.max(0, distance(block.receiveNext, block.receiveWindow.limit));
  const { sequence } = segment;
  let dataLength = segment.dataLength;
  if (!isAcceptable(sequence, segment.sequenceLength, block.receiveNext, windowBytes)) {
    if (windowBytes > 0 || !isWorthHaving(block, segment)) return refuse(context, block, segment);
    dataLength = 0;
    if (segment.sequenceLength > 0) {
      block.ackNow = true;
      context.markReady(block);
    }
  }
  if (segment.isRst) return onReset(context, block, segment);
  if (segment.isSyn) {
    // In the window, on an open connection: asked about (RFC 5961 §4).
    context.challenge(block);
    return 'taken';
  }
  if (!segment.isAck) return 'taken';
  if (block.state === 'syn-received') {
    const ack = segment.acknowledgment;
    if (!isAfter(ack, block.una) || isAfter(ack, block.next)) return 'reset';
    block.sendWindow.start(0, segment.sequence, ack);
    block.sendWindow.update(segment.window, segment.sequence, ack);
    becomeEstablished(context, block, segment);
  }
  noteHeard(context, block);
  if (!acknowledge(context, block, segment)) return 'taken';
  // Before the data: what a hole that it fills has behind it may lie beyond the end.
  if (segment.isFin && dataLength === segment.dataLength) noteFin(block, (sequence + dataLength) | 0);
  if (dataLength > 0) {
    onData(context, block, segment, windowBytes);
    if (isClosed(block)) return 'taken';
  }
  if (block.peerFinSeen && !block.peerFinReached) onFin(context, block, segment);
  return 'taken';
}

/**
 * With a closed window, acknowledgements are still worth having (RFC 9293 §3.10.7.4): one that comes with data, and one
 * of a peer that counts the byte with which it probed the window as sent.
 */
function isWorthHaving(block: ControlBlock, segment: Segment): boolean {
  if (segment.isSyn || segment.isRst) return false;
  const ahead = distance(block.receiveNext, segment.sequence);
  return ahead === 0 || (ahead === 1 && segment.sequenceLength === 0);
}

/** RFC 7323 §5: false when the segment is an old duplicate. */
function checkTimestamps(context: TcpContext, block: ControlBlock, segment: Segment): boolean {
  if (!block.hasTimestamps || segment.isRst) return true;
  const { options } = segment;
  if (!options.hasTimestamps) return segment.isSyn;
  const value = options.timestampValue;
  if (
    isBefore(value, block.timestampRecent) &&
    context.now - block.timestampRecentAt < TIMESTAMP_LIFETIME_MS
  ) {
    context.counters.pawsDropped++;
    context.challenge(block);
    return false;
  }
  const old = isAfter(segment.sequence, block.lastAckSent);
  const ends = isBefore((segment.sequence + segment.sequenceLength) | 0, block.lastAckSent);
  if (!old && !ends) {
    block.timestampRecent = value;
    block.timestampRecentAt = context.now;
  }
  return true;
}

/** Not in the window: an acknowledgement tells the peer where we are (RFC 9293 §3.10.7.4, first check). */
function refuse(context: TcpContext, block: ControlBlock, segment: Segment): SegmentVerdict {
  if (segment.isRst) return 'taken';
  if (block.state === 'syn-received' && segment.isSyn) {
    onRepeatedSyn(context, block, segment);
    return 'taken';
  }
  context.counters.outOfWindow++;
  if (segment.dataLength > 0 && isBefore(segment.sequence, block.receiveNext)) {
    context.counters.duplicates++;
    block.ackNow = true;
    context.markReady(block);
  } else {
    context.challenge(block);
  }
  return 'taken';
}

/** RFC 5961 §3: only the exact sequence number resets; another in the window is asked about. */
function onReset(context: TcpContext, block: ControlBlock, segment: Segment): SegmentVerdict {
  if (segment.sequence !== block.receiveNext) {
    context.challenge(block);
    return 'taken';
  }
  context.counters.resetsIn++;
  // Both sides said that they are done and all our bytes are acknowledged: only the last exchange was lost, and
  // the peer has forgotten the connection since (RFC 9293 §3.10.7.4, RST in CLOSING and LAST-ACK).
  const closing = block.state === 'closing' || block.state === 'last-ack';
  context.close(block, closing && block.sendQueue.length === 0 ? 'finished' : 'reset');
  return 'taken';
}

/** A SYN again: ours was not heard, unless both sides opened at once and this one acknowledges it. */
function onRepeatedSyn(context: TcpContext, block: ControlBlock, segment: Segment): void {
  if (
    segment.isAck &&
    segment.acknowledgment === block.next &&
    segment.sequence === ((block.receiveNext - 1) | 0)
  ) {
    block.sendWindow.start(segment.window, segment.sequence, segment.acknowledgment);
    block.ackNow = true;
    becomeEstablished(context, block, segment);
    return;
  }
  block.synDue = true;
  context.markReady(block);
}

function noteHeard(context: TcpContext, block: ControlBlock): void {
  block.lastHeardAt = context.now;
  block.keepaliveProbes = 0;
}

/** RFC 9293 §3.10.7.4, seventh: the segment text. */
function onData(context: TcpContext, block: ControlBlock, segment: Segment, windowBytes: number): void {
  if (block.peerFinReached) return;
  let from = segment.dataOffset;
  let length = segment.dataLength;
  let offset = distance(block.receiveNext, segment.sequence);
  if (length > block.receivedSegmentSize) block.receivedSegmentSize = length;
  if (offset < 0) {
    context.counters.duplicates++;
    block.ackNow = true;
    from -= offset;
    length += offset;
    offset = 0;
  }
  length = Math.min(length, windowBytes - offset);
  // What lies beyond the end that the peer named is no part of its stream.
  if (block.peerFinSeen) length = Math.min(length, distance(block.receiveNext, block.peerFin) - offset);
  context.markReady(block);
  if (length <= 0) {
    block.ackNow = true;
    return;
  }
  const passed = offset === 0 ? passOn(context, block, segment, from, length) : 0;
  if (isClosed(block)) return;
  from += passed;
  length -= passed;
  const hadHoles = block.receiveQueue.hasHoles;
  const inserted = length === 0 ? 0 : block.receiveQueue.insert(offset, segment.bytes, from, length);
  if (offset > 0) context.counters.outOfOrder++;
  const grown = Math.max(inserted, 0) + passed;
  if (grown === 0) {
    block.ackNow = true;
    return;
  }
  block.receiveNext = (block.receiveNext + grown) | 0;
  block.bytesIn += grown;
  if (inserted > 0) context.tell(block, EVENT_READABLE);
  if (passed > 0 && hasMuchRoomAgain(context, block)) block.ackNow = true;
  else decideAcknowledgement(context, block, grown, hadHoles);
}

/** Bytes that nothing waits before may be used right where they are, without a copy. Returns how many were. */
function passOn(
  context: TcpContext,
  block: ControlBlock,
  segment: Segment,
  from: number,
  length: number,
): number {
  const { receiveQueue, handler, socket } = block;
  if (length > SHORT_MESSAGE_BYTES && length < PASS_ON_MIN_BYTES) return 0;
  if (handler.onBytes === undefined || socket === undefined) return 0;
  if (receiveQueue.readable > 0 || receiveQueue.hasHoles || block.telling) return 0;
  if ((block.events & EVENT_OPEN) !== 0) return 0; // the program has not been told that it is open
  const used = handler.onBytes(socket, segment.bytes, from, length);
  if (used <= 0 || isClosed(block)) return 0;
  receiveQueue.pass(used);
  tuneReceiveLimit(context, block, used);
  return used;
}

/** A call may have closed it: the compiler does not see that. */
function isClosed(block: ControlBlock): boolean {
  return block.state === 'closed';
}

/** RFC 5681 §4.2: every second full segment at once, a filled hole at once, anything else a little later. */
function decideAcknowledgement(
  context: TcpContext,
  block: ControlBlock,
  grown: number,
  hadHoles: boolean,
): void {
  block.unacknowledgedIn += grown;
  if (hadHoles || block.unacknowledgedIn >= 2 * fullSegment(block)) {
    if (block.quickAcks > 0) block.quickAcks--;
    block.ackNow = true;
  } else acknowledgeSoon(context, block);
}

/** With the answer, if one comes in time; at once while the connection is young. */
function acknowledgeSoon(context: TcpContext, block: ControlBlock): void {
  const { delayedAckMs } = context.settings;
  if (block.quickAcks > 0 || delayedAckMs === 0) {
    if (block.quickAcks > 0) block.quickAcks--;
    block.ackNow = true;
    context.markReady(block);
  } else if (block.delayedAckAt === Number.POSITIVE_INFINITY) {
    block.delayedAckAt = context.now + delayedAckMs;
    context.schedule(block);
  }
}

/** A link may have joined several segments: then the peer's MSS says how large one is. */
function fullSegment(block: ControlBlock): number {
  return Math.min(block.receivedSegmentSize, Math.max(block.peerMss, 1));
}

/** The first FIN says where the stream ends; nothing that came earlier or comes later moves it. */
function noteFin(block: ControlBlock, sequence: number): void {
  if (block.peerFinSeen) return;
  block.peerFinSeen = true;
  block.peerFin = sequence;
  block.receiveQueue.cut(distance(block.receiveNext, sequence));
}

/** RFC 9293 §3.10.7.4, eighth: the FIN bit, once everything before it has come. */
function onFin(context: TcpContext, block: ControlBlock, segment: Segment): void {
  if (block.receiveNext !== block.peerFin) {
    if (!segment.isFin) return;
    // Out of order, it is acknowledged at once as data is (RFC 5681 §4.2): the peer counts the duplicates.
    block.ackNow = true;
    context.markReady(block);
    return;
  }
  block.peerFinReached = true;
  block.receiveNext = (block.receiveNext + 1) | 0;
  context.tell(block, EVENT_END);
  if (block.state === 'established') {
    // Our own end often follows at once (RFC 9293 §3.10.7.4: an acknowledgement may wait for company).
    block.state = 'close-wait';
    acknowledgeSoon(context, block);
    return;
  }
  block.ackNow = true;
  context.markReady(block);
  switch (block.state) {
    case 'fin-wait-1':
      block.state = 'closing';
      return;
    case 'fin-wait-2':
      context.enterTimeWait(block);
      return;
    default:
      return;
  }
}
