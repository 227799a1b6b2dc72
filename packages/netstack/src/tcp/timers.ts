import type { TcpContext } from './context.ts';
import type { ControlBlock } from './control-block.ts';
import { handshakeGaveUp } from './establish.ts';
import { timestampOf } from './options.ts';
import { distance } from './sequence.ts';
import { MAX_DATA_RETRIES } from './settings.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** Runs the timers of a connection that are due. Each only marks what is to be sent; output sends it. */
export function runTimers(context: TcpContext, block: ControlBlock): void {
  const { now } = context;
  if (now >= block.delayedAckAt) {
    block.delayedAckAt = NEVER;
    block.ackNow = true;
    context.markReady(block);
  }
  if (now >= block.retransmitAt) onRetransmissionTimeout(context, block);
  if (now >= block.persistAt) onPersist(context, block);
  if (now >= block.keepaliveAt) onKeepalive(context, block);
  if (block.state !== 'closed') context.schedule(block);
}

/** RFC 6298 §5.4 to §5.7, RFC 5681 §3.1. */
function onRetransmissionTimeout(context: TcpContext, block: ControlBlock): void {
  const { now } = context;
  block.retransmitAt = NEVER;
  block.retries++;
  block.timedAt = -1;
  if (block.state === 'syn-sent' || block.state === 'syn-received') {
    if (handshakeGaveUp(block)) {
      context.close(block, 'timeout');
      return;
    }
    context.counters.timeouts++;
    block.rtt.backOff();
    block.synDue = true;
    block.retransmitAt = now + block.rtt.timeoutMs;
    context.markReady(block);
    return;
  }
  if (block.una === block.next) return;
  if (block.retries > MAX_DATA_RETRIES) {
    context.close(block, 'timeout');
    return;
  }
  context.counters.timeouts++;
  const { retransmission } = block;
  // A receiver may have dropped what it reported (RFC 2018 §8): the second time nothing is believed.
  if (block.retries > 1) retransmission.scoreboard.clear();
  block.lossMayBeSpurious = block.retries === 1 && retransmission.phase === 'open';
  block.lossTimestamp = timestampOf(block.timestampOffset, now);
  block.congestion.onTimeout(distance(block.una, block.next), now, block.retries > 1);
  retransmission.beginLoss(block.una, block.next);
  block.rtt.backOff();
  block.retransmitAt = now + block.rtt.timeoutMs;
  context.markReady(block);
}

/** RFC 9293 §3.8.6.1: the window is closed, or too small to be worth a segment for too long. */
function onPersist(context: TcpContext, block: ControlBlock): void {
  block.persistAt = NEVER;
  block.persistCount = Math.min(block.persistCount + 1, 12);
  block.retries++;
  if (block.retries > MAX_DATA_RETRIES) {
    context.close(block, 'timeout');
    return;
  }
  if (block.una === block.next) block.probeDue = true;
  else block.retransmission.beginLoss(block.una, block.next);
  context.markReady(block);
}

/** RFC 9293 §3.8.4. */
function onKeepalive(context: TcpContext, block: ControlBlock): void {
  block.keepaliveAt = NEVER;
  const { keepalive } = block;
  if (keepalive === undefined) return;
  const { now } = context;
  const idleFor = now - block.lastHeardAt;
  if (block.una !== block.next) {
    // What is in flight asks by itself, and its time-out ends the connection.
    block.keepaliveAt = now + keepalive.idleMs;
    return;
  }
  if (idleFor < keepalive.idleMs) {
    block.keepaliveAt = now + Math.max(1, keepalive.idleMs - idleFor);
    return;
  }
  if (block.keepaliveProbes >= keepalive.count) {
    context.close(block, 'timeout');
    return;
  }
  block.keepaliveProbes++;
  block.keepaliveDue = true;
  block.keepaliveAt = now + keepalive.intervalMs;
  context.markReady(block);
}
