import { describe, expect, it } from 'vitest';
import {
  completeInnerChecksum,
  emitVirtioNetHeader,
  readVirtioSegmentSize,
  VIRTIO_NET_HEADER_LEN,
} from './virtio-net-header.ts';

function frame(etherType: number, ipFirst: number, tcpOffset: number): Uint8Array {
  const bytes = new Uint8Array(200).fill(0xee);
  const at = VIRTIO_NET_HEADER_LEN;
  bytes[at + 12] = etherType >>> 8;
  bytes[at + 13] = etherType & 0xff;
  bytes[at + 14] = ipFirst;
  bytes[at + tcpOffset + 12] = 0x80; // 32 bytes of TCP header
  return bytes;
}

describe('emitVirtioNetHeader', () => {
  it.each([
    ['IPv4', 0x0800, 0x45, 34, [1, 1, 66, 0, 0xa8, 5, 34, 0, 16, 0]],
    ['IPv6', 0x86dd, 0x60, 54, [1, 4, 86, 0, 0xa8, 5, 54, 0, 16, 0]],
  ] as const)('says how to cut a segment of %s', (_name, etherType, ipFirst, tcp, expected) => {
    const bytes = frame(etherType, ipFirst, tcp);
    emitVirtioNetHeader(bytes, VIRTIO_NET_HEADER_LEN, 4000, 1448);
    expect([...bytes.subarray(0, VIRTIO_NET_HEADER_LEN)]).toEqual(expected);
  });

  it('asks for the checksum alone where the payload is one segment', () => {
    const bytes = frame(0x0800, 0x45, 34);
    emitVirtioNetHeader(bytes, VIRTIO_NET_HEADER_LEN, 66 + 1448, 1448);
    expect([...bytes.subarray(0, VIRTIO_NET_HEADER_LEN)]).toEqual([1, 0, 0, 0, 0, 0, 34, 0, 16, 0]);
  });

  it('asks for the checksum alone where the sender left nothing else', () => {
    const bytes = frame(0x0800, 0x45, 34);
    emitVirtioNetHeader(bytes, VIRTIO_NET_HEADER_LEN, 190, 0);
    expect([...bytes.subarray(0, VIRTIO_NET_HEADER_LEN)]).toEqual([1, 0, 0, 0, 0, 0, 34, 0, 16, 0]);
  });

  it.each([
    ['IPv4', 0x0800, 0x45, 9, 34],
    ['IPv6', 0x86dd, 0x60, 6, 54],
  ] as const)(
    'knows where a datagram of %s has its checksum',
    (_name, etherType, ipFirst, protocolAt, udp) => {
      const bytes = frame(etherType, ipFirst, udp);
      bytes[VIRTIO_NET_HEADER_LEN + 14 + protocolAt] = 17;
      emitVirtioNetHeader(bytes, VIRTIO_NET_HEADER_LEN, 190, 0);
      expect([...bytes.subarray(0, VIRTIO_NET_HEADER_LEN)]).toEqual([1, 0, 0, 0, 0, 0, udp, 0, 6, 0]);
    },
  );

  it('is all zeros for a whole frame', () => {
    const bytes = frame(0x0800, 0x45, 34);
    emitVirtioNetHeader(bytes, VIRTIO_NET_HEADER_LEN, 190, undefined);
    expect([...bytes.subarray(0, VIRTIO_NET_HEADER_LEN)]).toEqual(Array(VIRTIO_NET_HEADER_LEN).fill(0));
  });
});

describe('readVirtioSegmentSize', () => {
  it.each([
    ['a whole frame', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], undefined],
    ['a checksum to complete', [1, 0, 0, 0, 0, 0, 34, 0, 16, 0], 0],
    ['IPv4 to cut', [1, 1, 66, 0, 0xa8, 5, 34, 0, 16, 0], 1448],
    ['IPv6 with congestion notices to cut', [1, 0x84, 86, 0, 0x94, 5, 54, 0, 16, 0], 1428],
  ])('tells %s', (_what, header, expected) => {
    expect(readVirtioSegmentSize(Uint8Array.from(header), 0)).toBe(expected);
  });
});

describe('completeInnerChecksum', () => {
  /** A frame whose checksum is open at `start`; the rest of the frame from there on is `rest`. */
  function open(start: number, checksumAt: number, rest: readonly number[]): Uint8Array {
    const bytes = frame(0x0800, 0x45, 34);
    bytes[VIRTIO_NET_HEADER_LEN + 14 + 9] = 17;
    bytes.set([1, 0, 0, 0, 0, 0, start, 0, checksumAt, 0]);
    bytes.set(rest, VIRTIO_NET_HEADER_LEN + start);
    return bytes.slice(0, VIRTIO_NET_HEADER_LEN + start + rest.length);
  }

  it('completes that of a segment within a tunnel', () => {
    const bytes = open(84, 2, [0x12, 0x34, 0x00, 0x10, 0xff, 0xff, 1]);
    expect(completeInnerChecksum(bytes, 0, bytes.length)).toBe(true);
    // 0x1234 + 0x0010 + 0xffff + 0x0100, its complement.
    expect([...bytes.slice(-5, -3)]).toEqual([0xec, 0xbb]);
  });

  it('writes all ones for a sum of zero, which would say that there is none', () => {
    const bytes = open(84, 2, [0xff, 0xef, 0x00, 0x10]);
    expect(completeInnerChecksum(bytes, 0, bytes.length)).toBe(true);
    expect([...bytes.slice(-2)]).toEqual([0xff, 0xff]);
  });

  it('leaves that of the frame’s own datagram to the switch, and what has no room for one', () => {
    const own = open(34, 6, Array(20).fill(0));
    expect(completeInnerChecksum(own, 0, own.length)).toBe(false);
    const cut = open(84, 40, [1, 2, 3, 4]);
    expect(completeInnerChecksum(cut, 0, cut.length)).toBe(false);
  });
});
