import { describe, expect, it } from 'vitest';
import { emitVirtioNetHeader, readVirtioSegmentSize, VIRTIO_NET_HEADER_LEN } from './virtio-net-header.ts';

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
