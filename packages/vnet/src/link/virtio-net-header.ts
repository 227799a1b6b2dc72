import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_VLAN,
  internetChecksum,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  readU16,
  writeU16,
} from '@orlop/wire';
import { ETHERNET_HEADER_LEN } from './link.ts';

/** `struct virtio_net_hdr` (virtio 1.2, section 5.1.6): flags, type, header length, segment size, checksum's place. */
export const VIRTIO_NET_HEADER_LEN = 10;

const NEEDS_CHECKSUM = 1;
const SEGMENTS_NONE = 0;
const SEGMENTS_IPV4 = 1;
const SEGMENTS_IPV6 = 4;
/** Set beside the type when the segments carry congestion notices. */
const SEGMENTS_ECN = 0x80;
const TCP_CHECKSUM_OFFSET = 16;
const UDP_CHECKSUM_OFFSET = 6;
const ETHERTYPE_IPV6_HIGH = 0x86;

/**
 * Writes the header of the frame at `frame` with `length` bytes, right before it. Without `segmentSize` the frame
 * is whole and the header all zeros; with it, it is a TCP segment or a UDP datagram whose checksum field holds the
 * pseudo header's sum. A TCP payload that is longer is to be cut, unless `segmentSize` is 0. Fields are in the host's byte order: little endian here.
 */
export function emitVirtioNetHeader(
  into: Uint8Array,
  frame: number,
  length: number,
  segmentSize: number | undefined,
): void {
  const at = frame - VIRTIO_NET_HEADER_LEN;
  for (let index = 0; index < VIRTIO_NET_HEADER_LEN; index++) into[at + index] = 0;
  if (segmentSize === undefined) return;
  const ip = frame + ETHERNET_HEADER_LEN;
  const isVersion6 = into[frame + 12] === ETHERTYPE_IPV6_HIGH;
  const ipLength = isVersion6 ? 40 : ((into[ip] ?? 0) & 15) * 4;
  const transport = ETHERNET_HEADER_LEN + ipLength;
  const isUdp = (into[ip + (isVersion6 ? 6 : 9)] ?? 0) === PROTOCOL_UDP;
  into[at] = NEEDS_CHECKSUM;
  into[at + 6] = transport;
  into[at + 8] = isUdp ? UDP_CHECKSUM_OFFSET : TCP_CHECKSUM_OFFSET;
  if (isUdp || segmentSize === 0) return;
  const headers = transport + ((into[frame + transport + 12] ?? 0) >>> 4) * 4;
  if (length - headers <= segmentSize) return;
  into[at + 1] = isVersion6 ? SEGMENTS_IPV6 : SEGMENTS_IPV4;
  into[at + 2] = headers;
  into[at + 4] = segmentSize;
  into[at + 5] = segmentSize >>> 8;
}

/**
 * What the header at `at` leaves to the receiver: undefined = nothing, 0 = a checksum, more = a checksum and that
 * the payload may be cut into segments of this size.
 */
export function readVirtioSegmentSize(bytes: Uint8Array, at: number): number | undefined {
  if (((bytes[at + 1] ?? 0) & ~SEGMENTS_ECN) !== SEGMENTS_NONE) {
    return (bytes[at + 4] ?? 0) | ((bytes[at + 5] ?? 0) << 8);
  }
  return ((bytes[at] ?? 0) & NEEDS_CHECKSUM) !== 0 ? 0 : undefined;
}

/**
 * Completes the checksum that the header at `at` leaves open where it is not that of TCP or UDP right behind the
 * frame's own IP header: in a tunnel (VXLAN), or behind a second tag. True when it did: the frame is whole then.
 */
export function completeInnerChecksum(bytes: Uint8Array, at: number, end: number): boolean {
  const frame = at + VIRTIO_NET_HEADER_LEN;
  const start = frame + ((bytes[at + 6] ?? 0) | ((bytes[at + 7] ?? 0) << 8));
  if (start === transportAt(bytes, frame)) return false;
  const field = start + ((bytes[at + 8] ?? 0) | ((bytes[at + 9] ?? 0) << 8));
  // What leaves no room for it is dropped as what it is: a frame whose rest cannot be done.
  if (field + 2 > end) return false;
  // Zero would say of UDP that there is none; all ones is the same sum.
  writeU16(bytes, field, internetChecksum(bytes, start, end) || 0xffff);
  return true;
}

/** Where TCP or UDP begins behind the frame's own IP header; -1 where there is another protocol. */
function transportAt(bytes: Uint8Array, frame: number): number {
  let ip = frame + ETHERNET_HEADER_LEN;
  if (readU16(bytes, ip - 2) === ETHERTYPE_VLAN) ip += 4;
  const type = readU16(bytes, ip - 2);
  if (type !== ETHERTYPE_IPV4 && type !== ETHERTYPE_IPV6) return -1;
  const protocol = bytes[ip + (type === ETHERTYPE_IPV4 ? 9 : 6)];
  if (protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP) return -1;
  return ip + (type === ETHERTYPE_IPV4 ? ((bytes[ip] ?? 0) & 15) * 4 : 40);
}
