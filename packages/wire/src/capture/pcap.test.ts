import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { u16, u32 } from '../testing/arbitraries.ts';
import { describeFormat } from '../testing/format-suite.ts';
import { parseCapture } from './capture.ts';
import {
  emitPcap,
  emitPcapRecord,
  PCAP_HEADER_LEN,
  PCAP_RECORD_HEADER_LEN,
  parsePcap,
  parsePcapRecord,
} from './pcap.ts';

describeFormat('pcap', {
  arbitrary: fc.record({
    littleEndian: fc.constant(true),
    nanoseconds: fc.boolean(),
    snapLength: u32,
    linkType: u16,
  }),
  length: () => PCAP_HEADER_LEN,
  emit: emitPcap,
  parse: (file, offset, end) => {
    const parsed = parsePcap(file, offset, end);
    return typeof parsed === 'string' ? parsed : { ...parsed, littleEndian: true };
  },
  headerLength: PCAP_HEADER_LEN,
});

describeFormat('pcap record', {
  arbitrary: fc.record({ seconds: u32, fraction: u32, capturedLength: fc.nat(60), originalLength: u32 }),
  length: (fields) => PCAP_RECORD_HEADER_LEN + fields.capturedLength,
  emit: (fields, into, offset) => {
    const from = emitPcapRecord(fields, into, offset);
    into.fill(0, from, from + fields.capturedLength);
    return from + fields.capturedLength;
  },
  parse: (file, offset, end) => parsePcapRecord(file, offset, { littleEndian: true, end }),
  headerLength: PCAP_RECORD_HEADER_LEN,
});

describe('parseCapture', () => {
  const file = new Uint8Array(PCAP_HEADER_LEN + 2 * (PCAP_RECORD_HEADER_LEN + 4));
  let at = emitPcap({ nanoseconds: true, snapLength: 65_535, linkType: 1 }, file, 0);
  for (const fraction of [1, 2]) {
    const from = emitPcapRecord({ seconds: 5, fraction, capturedLength: 4, originalLength: 9 }, file, at);
    file.fill(fraction, from, from + 4);
    at = from + 4;
  }

  it('gives the packets of a pcap file', () => {
    const packets = parseCapture(file);
    expect(packets).toHaveLength(2);
    const data = Uint8Array.of(2, 2, 2, 2);
    const second = { linkType: 1, interfaceId: 0, timeNs: 5_000_000_002n, originalLength: 9, data };
    expect(packets[1]).toEqual(second);
  });

  it('gives the packets before the place where a file was cut', () => {
    expect(parseCapture(file.subarray(0, file.length - 1))).toHaveLength(1);
  });

  it('reads a file of the other byte order', () => {
    const swapped = file.slice();
    for (const word of [0, 8, 12, 16, 20, 24, 28, 32, 36]) swapped.subarray(word, word + 4).reverse();
    expect(parseCapture(swapped.subarray(0, 44))).toMatchObject([
      { originalLength: 9, timeNs: 5_000_000_001n },
    ]);
  });

  it('refuses what is neither pcap nor pcapng', () => {
    expect(parseCapture(new Uint8Array(0))).toBe('truncated');
    expect(parseCapture(new Uint8Array(64).fill(7))).toBe('bad-length');
  });
});
