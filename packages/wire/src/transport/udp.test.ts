import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pseudoSumV4 } from '../checksum.ts';
import { u16 } from '../testing/arbitraries.ts';
import { describeFormat } from '../testing/format-suite.ts';
import { emitUdp, parseUdp, sealUdp, UDP_HEADER_LEN, type UdpFields, UdpView, verifyUdp } from './udp.ts';

const arbitrary: fc.Arbitrary<UdpFields> = fc.record({
  sourcePort: u16,
  destinationPort: u16,
  payloadLength: fc.nat(100),
});

describeFormat('UDP', {
  arbitrary,
  length: (fields) => UDP_HEADER_LEN + fields.payloadLength,
  emit: (fields, into, offset) => {
    const from = emitUdp(fields, into, offset);
    into.fill(0, from, from + fields.payloadLength);
    return from + fields.payloadLength;
  },
  parse: parseUdp,
  headerLength: UDP_HEADER_LEN,
});

describe('sealUdp', () => {
  it('writes a checksum that holds until a byte changes, and never zero', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(), (payload, where) => {
        const end = UDP_HEADER_LEN + payload.length;
        const datagram = new Uint8Array(end);
        emitUdp({ sourcePort: 1, destinationPort: 2, payloadLength: payload.length }, datagram, 0);
        datagram.set(payload, UDP_HEADER_LEN);
        const pseudo = pseudoSumV4(1, 2, 17, end);
        sealUdp(datagram, 0, end, pseudo);
        expect(UdpView.checksum(datagram, 0)).not.toBe(0);
        expect(verifyUdp(datagram, 0, end, pseudo)).toBe(true);
        datagram[where % 6] ^= 0x10;
        expect(verifyUdp(datagram, 0, end, pseudo)).toBe(false);
      }),
    );
  });

  it('writes all ones where the sum gives zero (RFC 768)', () => {
    const datagram = new Uint8Array(10);
    emitUdp({ sourcePort: 0, destinationPort: 0, payloadLength: 2 }, datagram, 0);
    datagram.set([0xff, 0xf5], 8); // with the length, 10, the words sum to all ones
    sealUdp(datagram, 0, 10, 0);
    expect(UdpView.checksum(datagram, 0)).toBe(0xffff);
  });
});
