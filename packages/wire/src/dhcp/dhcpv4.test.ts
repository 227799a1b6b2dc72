import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, dnsName, mac, u8, u16, u32 } from '../testing/arbitraries.ts';
import { describeFormat } from '../testing/format-suite.ts';
import { DHCPV4_HEADER_LEN, type Dhcpv4Fields, dhcpv4Length, emitDhcpv4, parseDhcpv4 } from './dhcpv4.ts';
import type { Dhcpv4Options } from './dhcpv4-options.ts';

const addresses = fc.array(u32, { minLength: 1, maxLength: 3 });
const text = fc.array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 300 });
const latin1 = text.map((codes) => String.fromCharCode(...codes));
const route = fc
  .record({ prefix: u32, length: fc.nat(32), router: u32 })
  .map(({ prefix, length, router }) => {
    const octets = 8 * Math.ceil(length / 8);
    return { prefix: octets === 0 ? 0 : (prefix & (-1 << (32 - octets))) >>> 0, length, router };
  });
const options: fc.Arbitrary<Dhcpv4Options> = fc.record(
  {
    subnetMask: u32,
    routers: addresses,
    dnsServers: addresses,
    hostName: latin1,
    domainName: latin1,
    mtu: u16,
    broadcastAddress: u32,
    ntpServers: addresses,
    requestedIp: u32,
    leaseTime: u32,
    serverIdentifier: u32,
    parameterRequestList: fc.array(u8, { minLength: 1, maxLength: 20 }),
    message: latin1,
    maximumMessageSize: u16,
    renewalTime: u32,
    rebindingTime: u32,
    vendorClass: latin1,
    clientIdentifier: bytes(2, 40),
    searchDomains: fc.array(
      dnsName.filter((name) => name !== ''),
      { minLength: 1, maxLength: 3 },
    ),
    classlessRoutes: fc.array(route, { minLength: 1, maxLength: 3 }),
    others: fc
      .record({ code: fc.integer({ min: 200, max: 254 }), data: bytes(0, 300) })
      .map((other) => [other]),
  },
  { requiredKeys: [] },
);
const field = (maxLength: number) =>
  fc.array(fc.integer({ min: 1, max: 255 }), { maxLength }).map((codes) => String.fromCharCode(...codes));
const arbitrary: fc.Arbitrary<Dhcpv4Fields> = fc.record({
  operation: fc.constantFrom('request' as const, 'reply' as const),
  messageType: fc.constantFrom(
    'discover',
    'offer',
    'request',
    'decline',
    'acknowledge',
    'refuse',
    'release',
    'inform',
  ),
  hops: u8,
  transactionId: u32,
  seconds: u16,
  broadcast: fc.boolean(),
  clientIp: u32,
  yourIp: u32,
  serverIp: u32,
  relayIp: u32,
  clientMac: mac,
  serverName: field(64),
  bootFile: field(128),
  options,
});

/** Without the order of options, which the wire has and a fresh record has not. */
function withoutOrder(fields: Dhcpv4Fields): Dhcpv4Fields {
  const { order: _, ...rest } = fields.options;
  return { ...fields, options: rest };
}

describeFormat('DHCPv4', {
  arbitrary,
  length: dhcpv4Length,
  emit: emitDhcpv4,
  parse: (message, offset, end) => {
    const parsed = parseDhcpv4(message, offset, end);
    return typeof parsed === 'string' ? parsed : withoutOrder(parsed);
  },
  headerLength: DHCPV4_HEADER_LEN,
});

describe('parseDhcpv4', () => {
  const fields: Dhcpv4Fields = {
    operation: 'request',
    messageType: 'discover',
    hops: 0,
    transactionId: 7,
    seconds: 0,
    broadcast: false,
    clientIp: 0,
    yourIp: 0,
    serverIp: 0,
    relayIp: 0,
    clientMac: 0x5254_0000_0001,
    serverName: '',
    bootFile: '',
    options: {},
  };
  const message = (...tail: number[]): Uint8Array => {
    const into = new Uint8Array(dhcpv4Length(fields));
    emitDhcpv4(fields, into, 0);
    into.fill(0, DHCPV4_HEADER_LEN);
    into.set(tail, DHCPV4_HEADER_LEN);
    return into;
  };

  it('follows option overload into the file and sname fields (RFC 2132 §9.3)', () => {
    const overloaded = message(53, 1, 1, 52, 1, 3, 255);
    overloaded.set([12, 2, 0x61, 0x62, 255], 108);
    overloaded.set([26, 2, 5, 0xdc, 255], 44);
    const parsed = parseDhcpv4(overloaded, 0, overloaded.length);
    expect(parsed).toMatchObject({ serverName: '', bootFile: '', options: { hostName: 'ab', mtu: 1500 } });
  });

  it('joins the parts of a long option (RFC 3396)', () => {
    const parsed = parseDhcpv4(message(53, 1, 1, 12, 1, 0x61, 12, 2, 0x62, 0x63, 255), 0, 300);
    expect(parsed).toMatchObject({ options: { hostName: 'abc' } });
  });

  it('reads compressed search domains (RFC 3397 §2)', () => {
    const search = [3, 0x6c, 0x61, 0x6e, 0, 1, 0x61, 0xc0, 0];
    const parsed = parseDhcpv4(message(53, 1, 1, 119, search.length, ...search, 255), 0, 300);
    expect(parsed).toMatchObject({ options: { searchDomains: ['lan', 'a.lan'] } });
    const endless = [1, 0x61, 0xc0, 0];
    const refused = parseDhcpv4(message(53, 1, 1, 119, endless.length, ...endless, 255), 0, 300);
    expect(refused).toMatchObject({ options: { others: [{ code: 119, data: Uint8Array.from(endless) }] } });
  });

  it('leaves a list uninterpreted that is a chain of pointers, or longer than any search list', () => {
    const chained = (pointers: number): readonly number[] => {
      const data = [1, 0x61, 0];
      for (let at = 3; at < 3 + 2 * pointers; at += 2) data.push(0xc0, at === 3 ? 0 : at - 2);
      return data;
    };
    const read = (data: readonly number[]) => {
      const options = { others: [{ code: 119, data: Uint8Array.from(data) }] };
      const into = new Uint8Array(dhcpv4Length({ ...fields, options }));
      emitDhcpv4({ ...fields, options }, into, 0);
      const parsed = parseDhcpv4(into, 0, into.length);
      return typeof parsed === 'string' ? parsed : parsed.options.searchDomains?.length;
    };
    expect(read(chained(120))).toBe(121);
    expect(read(chained(128))).toBeUndefined();
    expect(read(Array(256).fill([1, 0x61, 0]).flat())).toBe(256);
    expect(read(Array(257).fill([1, 0x61, 0]).flat())).toBeUndefined();
  });

  it('keeps the order of options, and emitDhcpv4 follows it', () => {
    const wire = message(61, 2, 1, 2, 53, 1, 1, 12, 1, 0x61, 255);
    const parsed = parseDhcpv4(wire, 0, 300);
    const again = new Uint8Array(300);
    if (typeof parsed !== 'string') emitDhcpv4(parsed, again, 0);
    expect(again).toEqual(wire);
  });

  it('refuses a message without a type, of BOOTP', () => {
    expect(parseDhcpv4(message(12, 1, 0x61, 255), 0, 300)).toBe('bad-value');
  });
});
