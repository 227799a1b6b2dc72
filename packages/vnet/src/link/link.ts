import type { FrameSink } from '@orlop/netstack';

/** What a link tells the port that it is plugged into. */
export interface LinkHandler {
  /**
   * One Ethernet frame at `buffer[offset .. offset + length)`. The bytes are the link's: they are valid during the
   * call only. With `segmentSize` the sender left the checksum of its TCP or UDP segment at the pseudo header's sum,
   * and a TCP payload longer than that uncut (0 = it is not to be cut).
   */
  onFrame(buffer: Uint8Array, offset: number, length: number, segmentSize?: number): void;
  /** Every frame that was at hand has been given: the time to answer. */
  onBatchEnd(): void;
  /** After `reserve` answered false: there is room again. */
  onDrained(): void;
  /** The other side is gone, or what it sent is no sequence of frames. Last call. */
  onClosed(reason: string): void;
}

export type LinkKind = 'qemu' | 'qemu-dgram' | 'vpnkit' | 'vfkit' | 'bess' | 'tap' | 'stdio' | 'memory';

export interface LinkCounters {
  framesIn: number;
  bytesIn: number;
  framesOut: number;
  bytesOut: number;
}

/**
 * A cable to one guest: whole Ethernet frames both ways. Outgoing frames are written in place by way of
 * {@link FrameSink} and leave at `flush`, many at once. A link that can take no more answers `reserve` with
 * false, and later calls `onDrained`; it never grows beyond its bound.
 */
export interface Link extends FrameSink {
  readonly kind: LinkKind;
  /** Who is at the other end, for tables: a path, a device, a peer's address. */
  readonly peer: string;
  /** Largest IP packet that a frame may carry. */
  readonly mtu: number;
  readonly counters: Readonly<LinkCounters>;
  /** The sender of frames may leave TCP and UDP checksums unfinished: the other side's kernel fills them in. */
  readonly checksumOffload: boolean;
  /** Starts giving frames. Once. */
  open(handler: LinkHandler): void;
  /** Hands over what was committed. */
  flush(): void;
  /** Lets go of descriptors; the handler is not called any more. */
  close(): void;
}

/** Ethernet's header: two addresses and a type. */
export const ETHERNET_HEADER_LEN = 14;
/** No link carries more than this: an IP packet of 65535 bytes, header and an 802.1Q tag. */
export const FRAME_MAX_LEN = 65_535 + 18;

/** Copies one frame into a sink. False when there was no room. */
export function copyFrame(
  sink: FrameSink,
  frame: Uint8Array,
  offset: number,
  length: number,
  segmentSize?: number,
): boolean {
  if (!sink.reserve(length)) return false;
  copyBytes(frame, offset, length, sink.buffer, sink.offset);
  sink.commit(length, segmentSize);
  return true;
}

/** Short runs are quicker byte by byte than by a view and `set`. */
const VIEW_WORTHWHILE_LEN = 96;

function copyBytes(from: Uint8Array, start: number, length: number, into: Uint8Array, at: number): void {
  if (length >= VIEW_WORTHWHILE_LEN) {
    into.set(from.subarray(start, start + length), at);
    return;
  }
  for (let i = 0; i < length; i++) into[at + i] = from[start + i] ?? 0;
}
