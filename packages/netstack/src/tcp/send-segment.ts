import {
  emitTcp,
  foldSum,
  sealTcp,
  TCP_ACK,
  TCP_HEADER_LEN,
  type TcpOptions,
  tcpHeaderLength,
  writeU16,
  writeU32,
} from '@orlop/wire';
import type { FrameSink } from '../face.ts';
import { LINK_FULL } from '../ip/ip-layer.ts';
import type { TcpContext } from './context.ts';
import type { ControlBlock } from './control-block.ts';
import { optionsLength, sackCount, timestampOf, writeOptions } from './options.ts';
import { distance } from './sequence.ts';

/** Shorter ones are quicker summed than described to the link. */
export const UNFINISHED_MIN_BYTES = 256;
/** Free space that a window may offer while the stack is short of memory. */
const WINDOW_UNDER_PRESSURE = 16 * 1024;

/** Bytes that could be stored beyond what is already received. */
function freeReceiveSpace(context: TcpContext, block: ControlBlock): number {
  const limit = context.pool.underPressure
    ? Math.min(block.receiveLimit, WINDOW_UNDER_PRESSURE)
    : block.receiveLimit;
  return Math.max(0, limit - block.receiveQueue.readable);
}

/** The step by which an offered window grows (RFC 9293 §3.8.6.2.2). */
function windowStep(block: ControlBlock): number {
  return Math.min(block.receiveLimit >>> 1, Math.max(block.receivedSegmentSize, 1));
}

/** Room came that is worth a segment of its own: a peer whose window is used up for the most part is not to wait for it. */
export function hasMuchRoomAgain(context: TcpContext, block: ControlBlock): boolean {
  const free = freeReceiveSpace(context, block);
  return block.receiveWindow.wantsUpdate(block.receiveNext, free, windowStep(block));
}

interface SegmentPlan {
  readonly sequence: number;
  readonly dataLength: number;
  readonly flags: number;
}

/**
 * Where a segment without data stands: at SND.NXT, but not beyond a window that is closed (there is the byte of a probe)
 * or that was made smaller. The peer has not taken what is there; it would find the segment unacceptable, and its
 * acknowledgement were lost (RFC 9293 §3.10.7.4). By less than its scale, an open window only seems to be smaller.
 */
export function emptySegmentSequence(block: ControlBlock): number {
  const { bytes, scale } = block.sendWindow;
  const beyond = distance(block.una, block.next) - bytes;
  if (beyond <= 0 || block.state === 'syn-received') return block.next;
  return bytes === 0 || beyond >= 1 << scale ? (block.una + bytes) | 0 : block.next;
}

/** Writes one segment into the sink. False = the link is full. */
export function sendSegment(
  context: TcpContext,
  block: ControlBlock,
  sink: FrameSink,
  plan: SegmentPlan,
): boolean {
  const { ip, now } = context;
  const { path } = block;
  const sackBlocks =
    plan.dataLength + 32 + 8 > block.segmentSize && plan.dataLength > 0 ? 0 : sackCount(block);
  const headerLength = TCP_HEADER_LEN + optionsLength(block, sackBlocks);
  const length = headerLength + plan.dataLength;
  const at = ip.begin(sink, path, length);
  if (at === LINK_FULL) return false;
  const into = sink.buffer;
  writeHeader(context, block, into, at, plan, headerLength);
  writeOptions(block, into, at + TCP_HEADER_LEN, { now, sackBlocks });
  if (plan.dataLength > 0) {
    block.sendQueue.copy(distance(block.una, plan.sequence), plan.dataLength, into, at + headerLength);
  }
  const pseudoSum = foldSum(path.pseudoSum + length);
  const unfinished = sink.segmentation === true && plan.dataLength >= UNFINISHED_MIN_BYTES;
  if (context.checksumOffload || unfinished) writeU16(into, at + 16, pseudoSum);
  else sealTcp(into, at, at + length, pseudoSum);
  ip.finish(sink, path, length, unfinished ? block.segmentSize : undefined);
  const isBatch = plan.dataLength > block.segmentSize;
  context.counters.segmentsOut += isBatch ? Math.ceil(plan.dataLength / block.segmentSize) : 1;
  if (plan.dataLength > 0) block.lastSentAt = now;
  // A full segment has no room for SACK blocks: what they say goes in an acknowledgement of its own.
  const keepsAck = block.ackNow && sackBlocks === 0 && block.hasSack && block.receiveQueue.hasHoles;
  onAcknowledgementSent(block);
  block.ackNow = keepsAck;
  return true;
}

function writeHeader(
  context: TcpContext,
  block: ControlBlock,
  into: Uint8Array,
  at: number,
  plan: SegmentPlan,
  headerLength: number,
): void {
  writeU16(into, at, block.local.port);
  writeU16(into, at + 2, block.remote.port);
  writeU32(into, at + 4, plan.sequence);
  writeU32(into, at + 8, block.receiveNext);
  into[at + 12] = (headerLength >>> 2) << 4;
  into[at + 13] = plan.flags;
  const free = freeReceiveSpace(context, block);
  writeU16(into, at + 14, block.receiveWindow.offer(block.receiveNext, free, windowStep(block)));
  writeU32(into, at + 16, 0);
}

function onAcknowledgementSent(block: ControlBlock): void {
  block.ackNow = false;
  block.unacknowledgedIn = 0;
  block.delayedAckAt = Number.POSITIVE_INFINITY;
  block.lastAckSent = block.receiveNext;
}

/** Writes the first segment of a connection, or the answer to one. False = the link is full. */
export function sendSyn(context: TcpContext, block: ControlBlock, sink: FrameSink, flags: number): boolean {
  const { ip } = context;
  const { path } = block;
  const isAnswer = (flags & TCP_ACK) !== 0;
  const options = synOptions(context, block, isAnswer);
  const length = tcpHeaderLength({ options });
  const at = ip.begin(sink, path, length);
  if (at === LINK_FULL) return false;
  const fields = {
    sourcePort: block.local.port,
    destinationPort: block.remote.port,
    sequence: block.initialSequence >>> 0,
    acknowledgment: isAnswer ? block.receiveNext >>> 0 : 0,
    flags,
    // Never scaled (RFC 7323 §2.2).
    window: Math.min(0xffff, freeReceiveSpace(context, block)),
    urgentPointer: 0,
    options,
  };
  emitTcp(fields, sink.buffer, at);
  const pseudoSum = foldSum(path.pseudoSum + length);
  if (context.checksumOffload) writeU16(sink.buffer, at + 16, pseudoSum);
  else sealTcp(sink.buffer, at, at + length, pseudoSum);
  ip.finish(sink, path, length);
  context.counters.segmentsOut++;
  onSynSent(context, block, fields.window);
  return true;
}

function onSynSent(context: TcpContext, block: ControlBlock, window: number): void {
  const { now } = context;
  block.synDue = false;
  block.next = (block.initialSequence + 1) | 0;
  if (block.state === 'syn-received') {
    block.receiveWindow.start((block.receiveNext + window) | 0);
    onAcknowledgementSent(block);
  }
  // A repeated SYN of the peer has it sent again too: that is no round trip, and the attempt lives no longer for it.
  const isFirst = block.retransmitAt === Number.POSITIVE_INFINITY;
  block.timedAt = isFirst ? now : -1;
  block.timedEnd = block.next;
  if (isFirst) block.retransmitAt = now + block.rtt.timeoutMs;
  context.schedule(block);
}

function synOptions(context: TcpContext, block: ControlBlock, isAnswer: boolean): TcpOptions {
  const { now, ip, settings } = context;
  const offersSack = isAnswer ? block.hasSack : settings.selectiveAcknowledgment;
  const offersTimestamps = isAnswer ? block.hasTimestamps : settings.timestamps;
  const options: { -readonly [K in keyof TcpOptions]: TcpOptions[K] } = {
    mss: Math.min(0xffff, ip.mtu - block.path.version.headerLength - TCP_HEADER_LEN),
  };
  if (offersSack) options.sackPermitted = true;
  if (offersTimestamps) {
    options.timestamps = {
      value: timestampOf(block.timestampOffset, now) >>> 0,
      echo: block.timestampRecent >>> 0,
    };
  }
  if (block.offersScale) options.windowScale = block.receiveWindow.scale;
  return options;
}
