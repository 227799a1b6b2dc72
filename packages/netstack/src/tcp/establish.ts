import { TCP_HEADER_LEN } from '@orlop/wire';
import type { TcpContext } from './context.ts';
import { type ControlBlock, EVENT_OPEN, EVENT_WRITABLE, type PeerSyn } from './control-block.ts';
import type { Segment } from './segment.ts';
import { DEFAULT_MSS_4, DEFAULT_MSS_6 } from './settings.ts';

/** Less than this as MSS is an attack (a packet per byte), not a link. */
const MIN_MSS = 88;

/** Reads the peer's half of the handshake. */
export function readPeerSyn(segment: Segment): PeerSyn {
  const { options } = segment;
  return {
    sequence: segment.sequence,
    mss: options.mss,
    windowScale: options.windowScale,
    sackPermitted: options.sackPermitted,
    hasTimestamps: options.hasTimestamps,
    timestampValue: options.timestampValue,
  };
}

/** Takes over what both sides agreed on (RFC 9293 §3.7.1, RFC 7323, RFC 2018). */
export function adoptPeerSyn(context: TcpContext, block: ControlBlock, peer: PeerSyn): void {
  block.receiveNext = (peer.sequence + 1) | 0;
  block.receiveWindow.start(block.receiveNext);
  block.lastAckSent = block.receiveNext;
  const fallback = block.path.version.number === 4 ? DEFAULT_MSS_4 : DEFAULT_MSS_6;
  block.peerMss = Math.max(MIN_MSS, peer.mss === 0 ? fallback : peer.mss);
  block.hasSack = peer.sackPermitted && context.settings.selectiveAcknowledgment;
  block.hasTimestamps = peer.hasTimestamps && context.settings.timestamps;
  if (block.hasTimestamps) {
    block.timestampRecent = peer.timestampValue;
    block.timestampRecentAt = context.now;
  }
  if (peer.windowScale < 0) {
    block.offersScale = false;
    block.receiveWindow.scale = 0;
    block.sendWindow.scale = 0;
  } else {
    block.sendWindow.scale = Math.min(14, peer.windowScale);
  }
  updateSegmentSize(block);
}

/** To be called when the path's MTU changed. */
export function updateSegmentSize(block: ControlBlock): void {
  const room = block.path.mtu - block.path.version.headerLength - TCP_HEADER_LEN;
  const size = Math.min(block.peerMss, room) - (block.hasTimestamps ? 12 : 0);
  if (size === block.segmentSize) return;
  block.segmentSize = size;
  block.congestion.setSegmentSize(size);
}

/** Our SYN is acknowledged: data may flow. */
export function becomeEstablished(context: TcpContext, block: ControlBlock, segment: Segment): void {
  block.una = segment.acknowledgment;
  block.state = 'established';
  // Once may be a time-out that was too short: the first is but a second (RFC 6298 §2.1).
  if (block.retries > 1) block.congestion.onLostSyn();
  if (block.retries > 0) block.rtt.startAfterLostSyn();
  else if (block.timedAt >= 0) block.rtt.sample(context.now - block.timedAt);
  block.timedAt = -1;
  block.retries = 0;
  block.retransmitAt = Number.POSITIVE_INFINITY;
  block.lastHeardAt = context.now;
  block.tuneStart = context.now;
  if (block.keepalive !== undefined) block.keepaliveAt = context.now + block.keepalive.idleMs;
  context.schedule(block);
  const { listener } = block;
  block.listener = undefined;
  listener?.onEstablished(block);
  context.tell(block, EVENT_OPEN);
  if (block.wantsSpace) {
    block.wantsSpace = false;
    context.tell(block, EVENT_WRITABLE);
  }
  context.markReady(block);
}

/** Repeats of SYN or SYN-ACK after which the attempt is over. */
export function handshakeGaveUp(block: ControlBlock): boolean {
  return block.retries > block.handshakeRetries;
}
