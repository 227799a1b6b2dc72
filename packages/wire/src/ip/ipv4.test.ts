import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { internetChecksum } from '../checksum.ts';
import { writeU16 } from '../network-order.ts';
import { bytes, u8, u16, u32 } from '../testing/arbitraries.ts';
import { describeFormat } from '../testing/format-suite.ts';
import {
  checkIpv4,
  emitIpv4,
  IPV4_HEADER_LEN,
  type Ipv4Fields,
  Ipv4View,
  ipv4HeaderLength,
  parseIpv4,
  parseQuotedIpv4,
} from './ipv4.ts';

const options = fc.integer({ min: 1, max: 10 }).chain((words) => bytes(4 * words));
const arbitrary: fc.Arbitrary<Ipv4Fields> = fc.record(
  {
    trafficClass: u8,
    payloadLength: fc.nat(100),
    identification: u16,
    dontFragment: fc.boolean(),
    moreFragments: fc.boolean(),
    fragmentOffset: fc.nat(8191).map((units) => 8 * units),
    ttl: u8,
    protocol: u8,
    source: u32,
    destination: u32,
    options,
  },
  {
    requiredKeys: [
      'trafficClass',
      'payloadLength',
      'identification',
      'dontFragment',
      'moreFragments',
      'fragmentOffset',
      'ttl',
      'protocol',
      'source',
      'destination',
    ],
  },
);

describeFormat('IPv4', {
  arbitrary,
  // The datagram, whose payload is left as it is: parse wants it whole.
  length: (fields) => ipv4HeaderLength(fields) + fields.payloadLength,
  emit: (fields, into, offset) => {
    const from = emitIpv4(fields, into, offset);
    into.fill(0, from, from + fields.payloadLength);
    return from + fields.payloadLength;
  },
  parse: parseIpv4,
  headerLength: IPV4_HEADER_LEN,
  repair: (datagram) => {
    const end = Math.min(datagram.length, Ipv4View.headerLength(datagram, 0));
    writeU16(datagram, 10, 0);
    writeU16(datagram, 10, internetChecksum(datagram, 0, end));
  },
});

describe('checkIpv4', () => {
  const fields: Ipv4Fields = {
    trafficClass: 0,
    payloadLength: 8,
    identification: 1,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: 64,
    protocol: 17,
    source: 0x0a000001,
    destination: 0x0a000002,
  };

  it('refuses a header whose checksum does not hold, unless told not to look', () => {
    const datagram = new Uint8Array(28);
    emitIpv4(fields, datagram, 0);
    expect(checkIpv4(datagram, 0, 28)).toBeUndefined();
    datagram[8] = 63;
    expect(checkIpv4(datagram, 0, 28)).toBe('bad-checksum');
    expect(checkIpv4(datagram, 0, 28, { verifyChecksum: false })).toBeUndefined();
  });

  it('takes padding after the datagram and refuses a datagram that is cut', () => {
    const datagram = new Uint8Array(46);
    emitIpv4(fields, datagram, 0);
    expect(checkIpv4(datagram, 0, 46)).toBeUndefined();
    expect(checkIpv4(datagram, 0, 27)).toBe('truncated');
    expect(parseQuotedIpv4(datagram, 0, 27)).toEqual(fields);
  });
});
