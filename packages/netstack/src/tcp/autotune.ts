import type { TcpContext } from './context.ts';
import type { ControlBlock } from './control-block.ts';

/** Timestamps count milliseconds: shorter round trips are not told apart. */
const MIN_INTERVAL_MS = 1;

/**
 * Dynamic right-sizing: a program that reads more than half the limit per round trip is given twice what it read
 * (as Linux does), up to the maximum, unless memory is short.
 */
export function tuneReceiveLimit(context: TcpContext, block: ControlBlock, consumed: number): void {
  if (block.receiveLimit >= block.maxReceiveLimit) return;
  block.tuneBytes += consumed;
  if (2 * block.tuneBytes > block.receiveLimit && !context.pool.underPressure) {
    block.receiveLimit = Math.min(block.maxReceiveLimit, 2 * block.tuneBytes);
  }
  const interval = Math.max(MIN_INTERVAL_MS, block.rtt.smoothedMs ?? 0);
  if (context.now - block.tuneStart < interval) return;
  block.tuneStart = context.now;
  block.tuneBytes = 0;
}
