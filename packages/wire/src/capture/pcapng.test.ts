import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, u16, u32 } from '../testing/arbitraries.ts';
import { describeFormat } from '../testing/format-suite.ts';
import { parseCapture } from './capture.ts';
import { emitPcapngBlock, type PcapngBlock, parsePcapngBlock, pcapngBlockLength } from './pcapng.ts';
import { PCAPNG_INTERFACE_RESOLUTION, pcapngText, pcapngU32 } from './pcapng-options.ts';

const option = fc.record({ code: fc.integer({ min: 1, max: 0xffff }), value: bytes(0, 20) });
const options = fc.array(option, { maxLength: 3 });
const timestamp = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const arbitrary: fc.Arbitrary<PcapngBlock> = fc.oneof(
  fc.record({ kind: fc.constant('section' as const), options }),
  fc.record({ kind: fc.constant('interface' as const), linkType: u16, snapLength: u32, options }),
  fc.record({
    kind: fc.constant('packet' as const),
    interfaceId: u32,
    timestamp,
    originalLength: u32,
    data: bytes(0, 60),
    options,
  }),
  bytes(0, 60).map((data) => ({ kind: 'simple-packet' as const, originalLength: data.length, data })),
  fc.record({ kind: fc.constant('statistics' as const), interfaceId: u32, timestamp, options }),
  fc.record({
    kind: fc.constant('other' as const),
    type: fc.integer({ min: 100, max: 0xffff }),
    body: fc.nat(8).chain((words) => bytes(4 * words)),
  }),
);

describeFormat('pcapng', {
  arbitrary,
  length: pcapngBlockLength,
  emit: emitPcapngBlock,
  parse: (file, offset, end) => {
    const parsed = parsePcapngBlock(file, offset, { end, littleEndian: true });
    return typeof parsed === 'string' ? parsed : parsed.block;
  },
  headerLength: 12,
});

describe('parseCapture', () => {
  it('gives the packets of a pcapng file, in each interface’s own units of time', () => {
    const resolution = { code: PCAPNG_INTERFACE_RESOLUTION, value: Uint8Array.of(9) };
    const data = Uint8Array.of(1, 2, 3);
    const blocks: PcapngBlock[] = [
      { kind: 'section', options: [pcapngText(4, 'orlop ✓ 𝄞')] },
      { kind: 'interface', linkType: 1, snapLength: 0, options: [resolution] },
      { kind: 'interface', linkType: 101, snapLength: 0, options: [] },
      { kind: 'packet', interfaceId: 0, timestamp: 7n, originalLength: 3, data, options: [pcapngU32(2, 1)] },
      { kind: 'packet', interfaceId: 1, timestamp: 7n, originalLength: 5, data, options: [] },
      { kind: 'packet', interfaceId: 9, timestamp: 7n, originalLength: 5, data, options: [] },
    ];
    const file = new Uint8Array(blocks.reduce((length, block) => length + pcapngBlockLength(block), 0));
    let at = 0;
    for (const block of blocks) at = emitPcapngBlock(block, file, at);
    const expected = [
      { linkType: 1, interfaceId: 0, timeNs: 7n, originalLength: 3, data },
      { linkType: 101, interfaceId: 1, timeNs: 7000n, originalLength: 5, data },
    ];
    expect(parseCapture(file)).toEqual(expected);
    expect(parseCapture(file.subarray(0, file.length - 60))).toHaveLength(1);
  });
});

describe('pcapngText', () => {
  it('is UTF-8', () => {
    const text = 'a é ✓ 𝄞';
    expect(pcapngText(1, text).value).toEqual(new Uint8Array(new TextEncoder().encode(text)));
  });
});
