import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mac, u16 } from '../testing/arbitraries.ts';
import { describeFormat } from '../testing/format-suite.ts';
import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_VLAN,
  EthernetView,
  emitEthernet,
  ethernetLength,
  parseEthernet,
} from './ethernet.ts';

const etherType = u16.filter((type) => type !== ETHERTYPE_VLAN);
const vlan = fc.record({ id: fc.nat(4095), priority: fc.nat(7), dropEligible: fc.boolean() });
const arbitrary = fc.oneof(
  fc.record({ destination: mac, source: mac, etherType }),
  fc.record({ destination: mac, source: mac, etherType: u16, vlan }),
);

describeFormat('Ethernet', {
  arbitrary,
  length: ethernetLength,
  emit: emitEthernet,
  parse: parseEthernet,
  headerLength: ETHERNET_HEADER_LEN,
});

describe('EthernetView', () => {
  it('sees through an 802.1Q tag', () => {
    const bytes = new Uint8Array(18);
    const tag = { id: 42, priority: 5, dropEligible: true };
    emitEthernet({ destination: 1, source: 0xffff_ffff_fffe, etherType: 0x86dd, vlan: tag }, bytes, 0);
    expect(EthernetView.etherType(bytes, 0)).toBe(0x86dd);
    expect(EthernetView.vlanId(bytes, 0)).toBe(42);
    expect(EthernetView.headerLength(bytes, 0)).toBe(18);
    expect(EthernetView.source(bytes, 0)).toBe(0xffff_ffff_fffe);
  });
});
