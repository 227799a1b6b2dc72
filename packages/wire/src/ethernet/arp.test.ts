import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mac, u16, u32 } from '../testing/arbitraries.ts';
import { describeFormat } from '../testing/format-suite.ts';
import { ARP_HEADER_LEN, ArpView, emitArp, parseArp } from './arp.ts';

const arbitrary = fc.record({
  operation: u16,
  senderMac: mac,
  senderIp: u32,
  targetMac: mac,
  targetIp: u32,
});

describeFormat('ARP', {
  arbitrary,
  length: () => ARP_HEADER_LEN,
  emit: emitArp,
  parse: parseArp,
  headerLength: ARP_HEADER_LEN,
});

describe('ArpView', () => {
  it('reads what parseArp reads', () => {
    fc.assert(
      fc.property(arbitrary, (fields) => {
        const bytes = new Uint8Array(40);
        emitArp(fields, bytes, 5);
        const names = ['operation', 'senderMac', 'senderIp', 'targetMac', 'targetIp'] as const;
        for (const name of names) expect(ArpView[name](bytes, 5)).toBe(fields[name]);
      }),
    );
  });
});
