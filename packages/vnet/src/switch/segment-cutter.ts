import type { FrameSink } from '@orlop/netstack';
import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_VLAN,
  IPV4_HEADER_LEN,
  internetChecksum,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  pseudoSumAt,
  readU16,
  readU32,
  sealTcp,
  sealUdp,
  TCP_FIN,
  TCP_HEADER_LEN,
  TCP_PSH,
  UDP_HEADER_LEN,
  writeU16,
  writeU32,
} from '@orlop/wire';
import { copyFrame, ETHERNET_HEADER_LEN } from '../link/link.ts';

/** What became of a frame: on its way, without room at the link, or not one whose rest could be done. */
export type CutResult = 'sent' | 'full' | 'malformed';

const VLAN_TAG_LEN = 4;
const IPV6_HEADER_LEN = 40;
const TCP_CWR = 0x80;

/** Where the parts of a frame lie, from its first byte. */
interface Layout {
  readonly version: 4 | 6;
  readonly ip: number;
  readonly transport: number;
  readonly payload: number;
  readonly protocol: number;
}

/**
 * Finishes a frame whose sender left that to the link, for a link that does not: computes the checksum of its TCP
 * or UDP segment, and cuts a TCP payload longer than `segmentSize` (0 = do not cut) into segments of their own
 * (what Linux calls GSO). The frame itself is left as it is.
 */
export function cutFrame(
  sink: FrameSink,
  frame: Uint8Array,
  of: { readonly offset: number; readonly length: number; readonly segmentSize: number },
): CutResult {
  const { offset, length, segmentSize } = of;
  const layout = layoutOf(frame, offset, length);
  if (layout === undefined) return 'malformed';
  const payloadLength = length - layout.payload;
  if (segmentSize === 0 || payloadLength <= segmentSize) return finishWhole(sink, frame, of, layout);
  if (layout.protocol !== PROTOCOL_TCP) return 'malformed';
  for (let done = 0; done < payloadLength; done += segmentSize) {
    const count = Math.min(segmentSize, payloadLength - done);
    if (!sink.reserve(layout.payload + count)) return 'full';
    const { buffer, offset: at } = sink;
    buffer.set(frame.subarray(offset, offset + layout.payload), at);
    const from = offset + layout.payload + done;
    buffer.set(frame.subarray(from, from + count), at + layout.payload);
    const part = { index: done / segmentSize, done, count, isLast: done + count === payloadLength };
    adjustHeaders(buffer, at, layout, part);
    sink.commit(layout.payload + count);
  }
  return 'sent';
}

function finishWhole(
  sink: FrameSink,
  frame: Uint8Array,
  { offset, length }: { readonly offset: number; readonly length: number },
  layout: Layout,
): CutResult {
  if (!sink.reserve(length)) return 'full';
  const { buffer, offset: at } = sink;
  buffer.set(frame.subarray(offset, offset + length), at);
  seal(buffer, at, layout, length);
  sink.commit(length);
  return 'sent';
}

interface Part {
  readonly index: number;
  readonly done: number;
  readonly count: number;
  readonly isLast: boolean;
}

function adjustHeaders(buffer: Uint8Array, at: number, layout: Layout, part: Part): void {
  const ip = at + layout.ip;
  const tcp = at + layout.transport;
  const length = layout.payload + part.count;
  if (layout.version === 4) {
    writeU16(buffer, ip + 2, length - layout.ip);
    writeU16(buffer, ip + 4, (readU16(buffer, ip + 4) + part.index) & 0xffff);
    writeU16(buffer, ip + 10, 0);
    writeU16(buffer, ip + 10, internetChecksum(buffer, ip, at + layout.transport));
  } else {
    writeU16(buffer, ip + 4, length - layout.ip - IPV6_HEADER_LEN);
  }
  writeU32(buffer, tcp + 4, (readU32(buffer, tcp + 4) + part.done) >>> 0);
  let flags = buffer[tcp + 13] ?? 0;
  if (!part.isLast) flags &= ~(TCP_FIN | TCP_PSH);
  if (part.index > 0) flags &= ~TCP_CWR;
  buffer[tcp + 13] = flags;
  seal(buffer, at, layout, length);
}

function seal(buffer: Uint8Array, at: number, layout: Layout, length: number): void {
  const { version, protocol } = layout;
  const transport = at + layout.transport;
  const end = at + length;
  const [addressesAt, addressLength] = version === 4 ? ([12, 4] as const) : ([8, 16] as const);
  const pseudo = pseudoSumAt(buffer, at + layout.ip + addressesAt, {
    addressLength,
    protocol,
    length: length - layout.transport,
  });
  if (protocol === PROTOCOL_TCP) sealTcp(buffer, transport, end, pseudo);
  else sealUdp(buffer, transport, end, pseudo);
}

/** Undefined unless the frame is TCP or UDP right behind an IP header without fragments, as whole as it says. */
function layoutOf(frame: Uint8Array, offset: number, length: number): Layout | undefined {
  let ip = ETHERNET_HEADER_LEN;
  if (length < ip + IPV4_HEADER_LEN) return undefined;
  let etherType = readU16(frame, offset + 12);
  if (etherType === ETHERTYPE_VLAN) {
    ip += VLAN_TAG_LEN;
    etherType = readU16(frame, offset + 16);
  }
  const at = offset + ip;
  if (etherType === ETHERTYPE_IPV4 && length >= ip + IPV4_HEADER_LEN) {
    const headerLength = ((frame[at] ?? 0) & 15) * 4;
    const whole = readU16(frame, at + 2) === length - ip && (readU16(frame, at + 6) & 0x3fff) === 0;
    if (headerLength < IPV4_HEADER_LEN || !whole) return undefined;
    return withTransport(frame, offset, length, {
      version: 4,
      ip,
      transport: ip + headerLength,
      protocol: frame[at + 9] ?? 0,
    });
  }
  if (etherType === ETHERTYPE_IPV6 && length >= ip + IPV6_HEADER_LEN) {
    if (readU16(frame, at + 4) !== length - ip - IPV6_HEADER_LEN) return undefined;
    const protocol = frame[at + 6] ?? 0;
    return withTransport(frame, offset, length, {
      version: 6,
      ip,
      transport: ip + IPV6_HEADER_LEN,
      protocol,
    });
  }
  return undefined;
}

function withTransport(
  frame: Uint8Array,
  offset: number,
  length: number,
  ip: Omit<Layout, 'payload'>,
): Layout | undefined {
  const { transport, protocol } = ip;
  if (protocol === PROTOCOL_UDP) {
    return length < transport + UDP_HEADER_LEN ? undefined : { ...ip, payload: transport + UDP_HEADER_LEN };
  }
  if (protocol !== PROTOCOL_TCP || length < transport + TCP_HEADER_LEN) return undefined;
  const payload = transport + ((frame[offset + transport + 12] ?? 0) >>> 4) * 4;
  return payload < transport + TCP_HEADER_LEN || payload > length ? undefined : { ...ip, payload };
}

/** Behind an 802.1Q tag the link would look for the segment in the wrong place. */
function isTagged(frame: Uint8Array, offset: number): boolean {
  return readU16(frame, offset + 12) === ETHERTYPE_VLAN;
}

/** Copies a frame to a link as that link needs it. `segmentSize` as in {@link FrameSink.commit}. */
export function sendFrame(
  sink: FrameSink,
  frame: Uint8Array,
  of: { readonly offset: number; readonly length: number; readonly segmentSize: number | undefined },
): CutResult {
  const { offset, length, segmentSize } = of;
  if (segmentSize !== undefined && (sink.segmentation !== true || isTagged(frame, offset))) {
    return cutFrame(sink, frame, { offset, length, segmentSize });
  }
  return copyFrame(sink, frame, offset, length, segmentSize) ? 'sent' : 'full';
}
