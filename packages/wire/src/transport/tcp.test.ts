import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pseudoSumV6 } from '../checksum.ts';
import { bytes, ipv6, u8, u16, u32 } from '../testing/arbitraries.ts';
import { describeFormat } from '../testing/format-suite.ts';
import {
  emitTcp,
  parseTcp,
  sealTcp,
  TCP_HEADER_LEN,
  type TcpFields,
  tcpHeaderLength,
  verifyTcp,
} from './tcp.ts';
import { MAX_TCP_OPTIONS_LEN, type TcpOptions, TcpOptionsView, tcpOptionsLength } from './tcp-options.ts';

const options: fc.Arbitrary<TcpOptions> = fc
  .record(
    {
      mss: fc.integer({ min: 1, max: 0xffff }),
      sackPermitted: fc.constant(true),
      timestamps: fc.record({ value: u32, echo: u32 }),
      windowScale: u8,
      sack: fc.array(fc.record({ left: u32, right: u32 }), { minLength: 1, maxLength: 4 }),
      others: fc.array(fc.record({ kind: fc.integer({ min: 30, max: 255 }), data: bytes(0, 8) }), {
        minLength: 1,
        maxLength: 2,
      }),
    },
    { requiredKeys: [] },
  )
  .filter((some) => tcpOptionsLength(some) <= MAX_TCP_OPTIONS_LEN);
const arbitrary: fc.Arbitrary<TcpFields> = fc.record({
  sourcePort: u16,
  destinationPort: u16,
  sequence: u32,
  acknowledgment: u32,
  flags: u8,
  window: u16,
  urgentPointer: u16,
  options,
});

describeFormat('TCP', {
  arbitrary,
  length: tcpHeaderLength,
  emit: emitTcp,
  parse: parseTcp,
  headerLength: TCP_HEADER_LEN,
});

describe('sealTcp', () => {
  it('writes a checksum that holds until the pseudo header changes', () => {
    fc.assert(
      fc.property(arbitrary, ipv6, ipv6, (fields, source, destination) => {
        const segment = new Uint8Array(tcpHeaderLength(fields));
        const end = emitTcp(fields, segment, 0);
        const pseudo = pseudoSumV6(source, destination, 6, end);
        sealTcp(segment, 0, end, pseudo);
        expect(verifyTcp(segment, 0, end, pseudo)).toBe(true);
        expect(verifyTcp(segment, 0, end, pseudoSumV6(source, destination, 7, end))).toBe(false);
      }),
    );
  });
});

describe('TcpOptionsView', () => {
  const view = new TcpOptionsView();

  it('takes the short way for timestamps alone and forgets the segment before', () => {
    const syn = Uint8Array.of(2, 4, 5, 0xb4, 4, 2, 1, 3, 3, 7, 0, 0);
    expect(view.read(syn, 0, 12)).toBeUndefined();
    expect([view.mss, view.sackPermitted, view.windowScale, view.hasTimestamps]).toEqual([
      1460,
      true,
      7,
      false,
    ]);
    const data = Uint8Array.of(1, 1, 8, 10, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 5);
    expect(view.read(data, 0, 12)).toBeUndefined();
    expect([view.mss, view.sackPermitted, view.windowScale]).toEqual([0, false, -1]);
    expect([view.hasTimestamps, view.timestampValue, view.timestampEcho]).toEqual([true, -1, 5]);
  });

  it('refuses an option that goes beyond the header', () => {
    expect(view.read(Uint8Array.of(2, 4, 5, 0xb4, 8, 10, 0, 0), 0, 8)).toBe('bad-option');
    expect(view.read(Uint8Array.of(1, 1, 1, 8), 0, 4)).toBe('bad-option');
    expect(view.read(Uint8Array.of(77, 1, 0, 0), 0, 4)).toBe('bad-option');
  });
});
