import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addSums,
  checksumHolds,
  internetChecksum,
  pseudoSumAt,
  pseudoSumV4,
  pseudoSumV6,
  sumBytes,
} from './checksum.ts';
import { emitIpv6 } from './ip/ipv6.ts';
import { writeU16, writeU32 } from './network-order.ts';
import { ipv6, u16, u32 } from './testing/arbitraries.ts';

/** RFC 1071 §4.1, byte for byte. */
function plainSum(bytes: Uint8Array, offset: number, end: number): number {
  let sum = 0;
  for (let at = offset; at < end; at += 2) sum += bytes[at] * 256 + (at + 1 < end ? bytes[at + 1] : 0);
  while (sum > 0xffff) sum = (sum % 0x1_0000) + Math.floor(sum / 0x1_0000);
  return sum;
}

describe('sumBytes', () => {
  it('is the plain sum at every alignment and length', () => {
    const span = fc.tuple(fc.nat(9), fc.nat(9), fc.oneof(fc.nat(40), fc.integer({ min: 500, max: 3000 })));
    fc.assert(
      fc.property(span, fc.integer({ min: 1, max: 251 }), ([skip, offset, length], step) => {
        const buffer = new Uint8Array(skip + offset + length + 8);
        for (let at = 0; at < buffer.length; at++) buffer[at] = at * step + (at >>> 3);
        const bytes = buffer.subarray(skip);
        expect(sumBytes(bytes, offset, offset + length)).toBe(plainSum(bytes, offset, offset + length));
      }),
      { numRuns: 500 },
    );
  });

  it('carries every bit of a payload of ones, however long', () => {
    const ones = new Uint8Array(300_001).fill(0xff);
    for (const end of [65_535, 131_072, 300_001]) expect(sumBytes(ones, 1, end)).toBe(plainSum(ones, 1, end));
  });
});

describe('internetChecksum', () => {
  it('is the example of RFC 1071 §3', () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    expect(internetChecksum(bytes, 0, 8)).toBe(~0xddf2 & 0xffff);
  });

  it('makes checksumHolds true', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 100 }), u16, (bytes, initialSum) => {
        writeU16(bytes, 0, 0);
        writeU16(bytes, 0, internetChecksum(bytes, 0, bytes.length, initialSum));
        expect(checksumHolds(bytes, 0, bytes.length, initialSum)).toBe(true);
      }),
    );
  });
});

describe('pseudoSumAt', () => {
  it('is pseudoSumV4 and pseudoSumV6 of addresses that stand in a header', () => {
    fc.assert(
      fc.property(u32, u32, ipv6, ipv6, fc.nat(65_535), (from4, to4, source, destination, length) => {
        const header = new Uint8Array(40);
        writeU32(header, 12, from4);
        writeU32(header, 16, to4);
        const v4 = { addressLength: 4, protocol: 6, length } as const;
        expect(pseudoSumAt(header, 12, v4)).toBe(pseudoSumV4(from4, to4, 6, length));
        emitIpv6(
          {
            trafficClass: 0,
            flowLabel: 0,
            payloadLength: 0,
            nextHeader: 6,
            hopLimit: 1,
            source,
            destination,
          },
          header,
          0,
        );
        const v6 = { addressLength: 16, protocol: 6, length } as const;
        expect(pseudoSumAt(header, 8, v6)).toBe(pseudoSumV6(source, destination, 6, length));
      }),
    );
  });
});

describe('addSums', () => {
  it('puts the sums of parts together', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(30), (bytes, half) => {
        const cut = Math.min(bytes.length & ~1, 2 * half);
        const whole = addSums(sumBytes(bytes, 0, cut), sumBytes(bytes, cut, bytes.length));
        expect(whole).toBe(sumBytes(bytes, 0, bytes.length));
      }),
    );
  });
});
