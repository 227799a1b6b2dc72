import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, ipv6, u8, u32 } from '../testing/arbitraries.ts';
import { describeFormat } from '../testing/format-suite.ts';
import { emitIpv6, IPV6_HEADER_LEN, type Ipv6Fields, parseIpv6 } from './ipv6.ts';
import {
  emitIpv6Extensions,
  firstNextHeader,
  type Ipv6ExtensionsFields,
  Ipv6ExtensionsView,
  ipv6ExtensionsLength,
  isExtension,
  parseIpv6Extensions,
} from './ipv6-extensions.ts';

const arbitrary: fc.Arbitrary<Ipv6Fields> = fc.record({
  trafficClass: u8,
  flowLabel: fc.nat(0xf_ffff),
  payloadLength: fc.nat(100),
  nextHeader: u8,
  hopLimit: u8,
  source: ipv6,
  destination: ipv6,
});

describeFormat('IPv6', {
  arbitrary,
  length: (fields) => IPV6_HEADER_LEN + fields.payloadLength,
  emit: (fields, into, offset) => {
    const from = emitIpv6(fields, into, offset);
    into.fill(0, from, from + fields.payloadLength);
    return from + fields.payloadLength;
  },
  parse: parseIpv6,
  headerLength: IPV6_HEADER_LEN,
});

const opaque = (kind: 'hop-by-hop' | 'destination-options' | 'routing') =>
  fc.record({ kind: fc.constant(kind), data: fc.nat(3).chain((units) => bytes(8 * units + 6)) });
const fragment = fc.record({
  kind: fc.constant('fragment' as const),
  identification: u32,
  fragmentOffset: fc.nat(8191).map((units) => 8 * units),
  moreFragments: fc.boolean(),
});
const chain: fc.Arbitrary<Ipv6ExtensionsFields> = fc
  .tuple(
    fc.array(opaque('hop-by-hop'), { maxLength: 1 }),
    fc.array(fc.oneof(opaque('destination-options'), opaque('routing')), { maxLength: 3 }),
    fc.array(fragment, { maxLength: 1 }),
  )
  .chain((parts) =>
    fc.record({
      extensions: fc.constant(parts.flat()),
      protocol: u8.filter((protocol) => !isExtension(protocol)),
    }),
  );

/** The chain's own format does not say what its first header is: a byte in front does. */
describeFormat('IPv6 extension headers', {
  arbitrary: chain,
  length: (fields) => 1 + ipv6ExtensionsLength(fields),
  emit: (fields, into, offset) => {
    into[offset] = firstNextHeader(fields);
    return emitIpv6Extensions(fields, into, offset + 1);
  },
  parse: (chainBytes, offset, end) =>
    end - offset < 1
      ? 'truncated'
      : parseIpv6Extensions(chainBytes, offset + 1, { nextHeader: chainBytes[offset], end }),
  headerLength: 1,
});

describe('Ipv6ExtensionsView', () => {
  const view = new Ipv6ExtensionsView();

  it('stops at a fragment that is not the first', () => {
    const chainBytes = Uint8Array.of(60, 0, 0, 0x08, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8);
    expect(view.read(chainBytes, 0, { nextHeader: 44, end: 16 })).toBeUndefined();
    expect([view.protocol, view.payloadOffset, view.fragmentOffset, view.identification]).toEqual([
      60, 8, 8, 9,
    ]);
    expect([view.isFragment, view.moreFragments, view.nextHeaderOffset]).toEqual([true, false, 0]);
  });

  it('refuses hop-by-hop options that are not first, two fragment headers, and more headers than eight', () => {
    const followedBy = (second: number): Uint8Array => {
      const chainBytes = new Uint8Array(24);
      chainBytes[0] = second;
      chainBytes[8] = 59;
      return chainBytes;
    };
    expect(view.read(followedBy(0), 0, { nextHeader: 60, end: 24 })).toBe('bad-value');
    expect(view.read(followedBy(44), 0, { nextHeader: 44, end: 24 })).toBe('bad-value');
    const nested = new Uint8Array(80);
    for (let at = 0; at < 80; at += 8) nested[at] = 60;
    expect(view.read(nested, 0, { nextHeader: 60, end: 80 })).toBe('too-deep');
  });

  it('forgets the packet before', () => {
    expect(view.read(new Uint8Array(0), 0, { nextHeader: 6, end: 0 })).toBeUndefined();
    expect([view.protocol, view.payloadOffset, view.isFragment, view.fragmentHeader]).toEqual([
      6,
      0,
      false,
      -1,
    ]);
  });
});

describe('parseIpv6', () => {
  it('gives unsigned words whatever their high bits', () => {
    const packet = new Uint8Array(40).fill(0xff);
    packet.set([0x6f, 0xff, 0xff, 0xff, 0, 0]);
    const high = { trafficClass: 0xff, flowLabel: 0xf_ffff, source: { a: 0xffff_ffff } };
    expect(parseIpv6(packet, 0, 40)).toMatchObject(high);
  });
});
