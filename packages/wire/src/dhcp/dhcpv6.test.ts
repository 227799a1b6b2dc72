import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, dnsName, ipv6, u16, u32 } from '../testing/arbitraries.ts';
import { describeFormat } from '../testing/format-suite.ts';
import {
  DHCPV6_HEADER_LEN,
  type Dhcpv6Fields,
  type Dhcpv6Option,
  Dhcpv6View,
  dhcpv6Length,
  emitDhcpv6,
  parseDhcpv6,
} from './dhcpv6.ts';

const latin1 = fc.array(fc.nat(255), { maxLength: 40 }).map((codes) => String.fromCharCode(...codes));
const option: fc.Arbitrary<Dhcpv6Option> = fc.oneof(
  fc.record({ kind: fc.constantFrom('client-id' as const, 'server-id' as const), duid: bytes(0, 20) }),
  fc.record({ kind: fc.constant('option-request' as const), codes: fc.array(u16, { maxLength: 5 }) }),
  fc.record({ kind: fc.constant('elapsed-time' as const), hundredths: u16 }),
  fc.record({ kind: fc.constant('status' as const), status: u16, message: latin1 }),
  fc.record({ kind: fc.constant('rapid-commit' as const) }),
  fc.record({
    kind: fc.constant('dns-servers' as const),
    servers: fc.array(ipv6, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('domain-list' as const), domains: fc.array(dnsName, { maxLength: 3 }) }),
  fc.record({
    kind: fc.constantFrom('information-refresh-time' as const, 'sol-max-rt' as const, 'inf-max-rt' as const),
    seconds: u32,
  }),
  fc.record({
    kind: fc.constant('other' as const),
    code: fc.integer({ min: 100, max: 0xffff }),
    data: bytes(0, 30),
  }),
);
const held = fc.array(option, { maxLength: 3 });
const address = fc.record({
  kind: fc.constant('ia-address' as const),
  address: ipv6,
  preferred: u32,
  valid: u32,
  options: held,
});
const inAssociation = fc.array(fc.oneof(option, address), { maxLength: 3 });
const association: fc.Arbitrary<Dhcpv6Option> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('ia-na' as const, 'ia-pd' as const),
    id: u32,
    renewAfter: u32,
    rebindAfter: u32,
    options: inAssociation,
  }),
  fc.record({
    kind: fc.constant('ia-ta' as const),
    id: u32,
    renewAfter: fc.constant(0),
    rebindAfter: fc.constant(0),
    options: inAssociation,
  }),
);
const arbitrary: fc.Arbitrary<Dhcpv6Fields> = fc.record({
  messageType: fc.constantFrom('solicit', 'request', 'reply', 'reconfigure', 'information-request'),
  transactionId: fc.nat(0xff_ffff),
  options: fc.array(fc.oneof(option, association), { maxLength: 5 }),
});

describeFormat('DHCPv6', {
  arbitrary,
  length: dhcpv6Length,
  emit: emitDhcpv6,
  parse: parseDhcpv6,
  headerLength: DHCPV6_HEADER_LEN,
});

describe('Dhcpv6View', () => {
  it('reads what parseDhcpv6 reads', () => {
    const message = new Uint8Array(4);
    emitDhcpv6({ messageType: 'information-request', transactionId: 0xabcdef, options: [] }, message, 0);
    expect([Dhcpv6View.messageType(message, 0), Dhcpv6View.transactionId(message, 0)]).toEqual([
      11, 0xabcdef,
    ]);
  });
});

describe('parseDhcpv6', () => {
  it('reads no association within another: nesting ends where the RFC ends it', () => {
    const inner: Dhcpv6Option = { kind: 'ia-na', id: 2, renewAfter: 0, rebindAfter: 0, options: [] };
    const outer: Dhcpv6Option = { ...inner, id: 1, options: [inner] };
    const solicit: Dhcpv6Fields = { messageType: 'solicit', transactionId: 1, options: [outer] };
    const message = new Uint8Array(dhcpv6Length(solicit));
    emitDhcpv6(solicit, message, 0);
    expect(parseDhcpv6(message, 0, message.length)).toMatchObject({
      options: [{ kind: 'ia-na', id: 1, options: [{ kind: 'other', code: 3 }] }],
    });
  });
});
