import { writeU16, writeU32 } from '@orlop/wire';
import type { ControlBlock } from './control-block.ts';

/** NOP, NOP, kind 8, length 10. */
const TIMESTAMPS_HEAD = 0x0101080a;
const TIMESTAMPS_LENGTH = 12;
const KIND_SACK = 5;

/** Our timestamp clock, in milliseconds from an offset that differs per connection (RFC 7323 §5.4). */
export function timestampOf(timestampOffset: number, now: number): number {
  return (Math.floor(now) + timestampOffset) | 0;
}

/** How many SACK blocks fit and are wanted (RFC 2018 §3: three beside timestamps, four without). */
export function sackCount(block: ControlBlock): number {
  if (!block.hasSack || !block.receiveQueue.hasHoles) return 0;
  const most = block.hasTimestamps ? 3 : 4;
  let count = 0;
  while (count < most && block.receiveQueue.rangeBeyondHole(count) !== undefined) count++;
  return count;
}

/** Bytes of options of a segment after the handshake. */
export function optionsLength(block: ControlBlock, sackBlocks: number): number {
  return (block.hasTimestamps ? TIMESTAMPS_LENGTH : 0) + (sackBlocks > 0 ? 4 + 8 * sackBlocks : 0);
}

/** Writes timestamps and SACK blocks, in the layout of RFC 7323 appendix A; returns the end. */
export function writeOptions(
  block: ControlBlock,
  into: Uint8Array,
  at: number,
  of: { readonly now: number; readonly sackBlocks: number },
): number {
  let end = at;
  if (block.hasTimestamps) {
    writeU32(into, end, TIMESTAMPS_HEAD);
    writeU32(into, end + 4, timestampOf(block.timestampOffset, of.now));
    writeU32(into, end + 8, block.timestampRecent);
    end += TIMESTAMPS_LENGTH;
  }
  if (of.sackBlocks > 0) {
    writeU16(into, end, 0x0101);
    into[end + 2] = KIND_SACK;
    into[end + 3] = 2 + 8 * of.sackBlocks;
    end += 4;
    for (let index = 0; index < of.sackBlocks; index++) {
      const range = block.receiveQueue.rangeBeyondHole(index);
      writeU32(into, end, (block.receiveNext + (range?.start ?? 0)) | 0);
      writeU32(into, end + 4, (block.receiveNext + (range?.end ?? 0)) | 0);
      end += 8;
    }
  }
  return end;
}
