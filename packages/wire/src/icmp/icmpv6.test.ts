import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, dnsName, ipv6, mac, u8, u16, u32 } from '../testing/arbitraries.ts';
import { describeFormat } from '../testing/format-suite.ts';
import {
  emitIcmpv6,
  ICMPV6_HEADER_LEN,
  type Icmpv6Fields,
  icmpv6Length,
  parseIcmpv6,
  sealIcmpv6,
  verifyIcmpv6,
} from './icmpv6.ts';
import type { MldRecord } from './mld.ts';
import type { NdpOption } from './ndp-options.ts';

const preference = fc.constantFrom('low' as const, 'medium' as const, 'high' as const);
const option: fc.Arbitrary<NdpOption> = fc.oneof(
  fc.record({ kind: fc.constantFrom('source-link-layer' as const, 'target-link-layer' as const), mac }),
  fc.record({
    kind: fc.constant('prefix' as const),
    prefix: ipv6,
    prefixLength: u8,
    onLink: fc.boolean(),
    autonomous: fc.boolean(),
    validLifetime: u32,
    preferredLifetime: u32,
  }),
  fc.record({ kind: fc.constant('mtu' as const), mtu: u32 }),
  fc.record({
    kind: fc.constant('route' as const),
    prefix: ipv6,
    prefixLength: u8,
    preference,
    lifetime: u32,
  }),
  fc.record({
    kind: fc.constant('recursive-dns' as const),
    lifetime: u32,
    servers: fc.array(ipv6, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('dns-search' as const),
    lifetime: u32,
    domains: fc.array(
      dnsName.filter((name) => name !== ''),
      { minLength: 1, maxLength: 3 },
    ),
  }),
  fc.record({
    kind: fc.constant('other' as const),
    type: fc.integer({ min: 40, max: 255 }),
    data: fc.nat(3).chain((units) => bytes(8 * units + 6)),
  }),
);
const options = fc.array(option, { maxLength: 4 });
const record: fc.Arbitrary<MldRecord> = fc.record({
  kind: fc.constantFrom('is-include', 'is-exclude', 'to-include', 'to-exclude', 'allow', 'block'),
  group: ipv6,
  sources: fc.array(ipv6, { maxLength: 3 }),
  auxiliaryData: fc.nat(2).chain((words) => bytes(4 * words)),
});
const v2 = fc.record({
  suppressRouterProcessing: fc.boolean(),
  robustness: fc.nat(7),
  intervalCode: u8,
  sources: fc.array(ipv6, { maxLength: 3 }),
});
const query = { kind: fc.constant('mld-query' as const), maxResponseCode: u16, group: ipv6 };
const arbitrary: fc.Arbitrary<Icmpv6Fields> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('echo-request' as const, 'echo-reply' as const),
    code: u8,
    identifier: u16,
    sequence: u16,
  }),
  fc.record({
    kind: fc.constantFrom('destination-unreachable' as const, 'time-exceeded' as const),
    code: u8,
    reserved: u32,
  }),
  fc.record({ kind: fc.constant('packet-too-big' as const), code: u8, mtu: u32 }),
  fc.record({ kind: fc.constant('parameter-problem' as const), code: u8, pointer: u32 }),
  fc.record({ kind: fc.constant('router-solicitation' as const), options }),
  fc.record({
    kind: fc.constant('router-advertisement' as const),
    hopLimit: u8,
    managed: fc.boolean(),
    otherConfiguration: fc.boolean(),
    preference,
    lifetime: u16,
    reachableTimeMs: u32,
    retransmitTimerMs: u32,
    options,
  }),
  fc.record({ kind: fc.constant('neighbor-solicitation' as const), target: ipv6, options }),
  fc.record({
    kind: fc.constant('neighbor-advertisement' as const),
    target: ipv6,
    router: fc.boolean(),
    solicited: fc.boolean(),
    override: fc.boolean(),
    options,
  }),
  fc.record({ kind: fc.constant('redirect' as const), target: ipv6, destination: ipv6, options }),
  fc.record(query),
  fc.record({ ...query, v2 }),
  fc.record({ kind: fc.constantFrom('mld-report' as const, 'mld-done' as const), group: ipv6 }),
  fc.record({ kind: fc.constant('mld-v2-report' as const), records: fc.array(record, { maxLength: 3 }) }),
  fc.record({
    kind: fc.constant('other' as const),
    type: fc.integer({ min: 150, max: 255 }),
    code: u8,
    rest: u32,
  }),
);

describeFormat('ICMPv6', {
  arbitrary,
  length: icmpv6Length,
  emit: emitIcmpv6,
  parse: parseIcmpv6,
  headerLength: ICMPV6_HEADER_LEN,
});

describe('sealIcmpv6', () => {
  it('covers the pseudo header', () => {
    const message = Uint8Array.of(128, 0, 0, 0, 0, 1, 0, 2);
    sealIcmpv6(message, 0, 8, 0x1234);
    expect([verifyIcmpv6(message, 0, 8, 0x1234), verifyIcmpv6(message, 0, 8, 0x1235)]).toEqual([true, false]);
  });
});

describe('parseIcmpv6', () => {
  it('refuses an option of length zero, which would never end (RFC 4861 §4.6)', () => {
    const message = new Uint8Array(16);
    message[0] = 133;
    message[8] = 1;
    expect(parseIcmpv6(message, 0, 16)).toBe('bad-option');
  });

  it.each([
    [133, 8],
    [134, 16],
    [135, 24],
    [136, 24],
    [137, 40],
  ])('refuses message %i of neighbour discovery with another code than 0', (type, length) => {
    const message = new Uint8Array(length);
    message[0] = type;
    expect(parseIcmpv6(message, 0, length)).toMatchObject({ options: [] });
    message[1] = 1;
    expect(parseIcmpv6(message, 0, length)).toBe('bad-value');
  });
});
