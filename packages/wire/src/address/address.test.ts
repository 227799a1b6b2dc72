import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipv6, mac, u32 } from '../testing/arbitraries.ts';
import * as v4 from './ipv4.ts';
import * as v6 from './ipv6.ts';
import * as ethernet from './mac.ts';

describe('parseMac', () => {
  it('is undone by formatMac, and write by read', () => {
    fc.assert(
      fc.property(mac, (address) => {
        expect(ethernet.parseMac(ethernet.formatMac(address))).toBe(address);
        const bytes = new Uint8Array(8);
        ethernet.writeMac(address, bytes, 1);
        expect(ethernet.readMac(bytes, 1)).toBe(address);
      }),
    );
  });

  it('takes dashes and capitals, and no other text', () => {
    expect(ethernet.parseMac('AA-BB-CC-DD-EE-0F')).toBe(0xaabb_ccdd_ee0f);
    for (const text of [
      '',
      'aa:bb:cc:dd:ee',
      'aa:bb:cc:dd:ee:f',
      'aa-bb:cc:dd:ee:ff',
      'aa:bb:cc:dd:ee:ff:00',
      'g0:00:00:00:00:00',
    ]) {
      expect(ethernet.parseMac(text), text).toBeUndefined();
    }
  });

  it('tells groups from stations', () => {
    expect(ethernet.isGroupMac(ethernet.MAC_BROADCAST)).toBe(true);
    expect(ethernet.isGroupMac(0x5254_0000_0001)).toBe(false);
    expect(ethernet.formatMac(ethernet.macOfIpv4Group(0xe0ff_ffff))).toBe('01:00:5e:7f:ff:ff');
    expect(ethernet.formatMac(ethernet.macOfIpv6Group({ d: 1 }))).toBe('33:33:00:00:00:01');
  });
});

describe('parseIpv4Address', () => {
  it('is undone by formatIpv4Address', () => {
    fc.assert(fc.property(u32, (address) => v4.parseIpv4Address(v4.formatIpv4Address(address)) === address));
  });

  it('refuses what inet_pton refuses', () => {
    for (const text of [
      '',
      '1.2.3',
      '1.2.3.4.5',
      '256.0.0.1',
      '01.2.3.4',
      '1.2.3.',
      ' 1.2.3.4',
      '0x1.2.3.4',
    ]) {
      expect(v4.parseIpv4Address(text), text).toBeUndefined();
    }
  });
});

describe('parseIpv6Address', () => {
  it('is undone by formatIpv6Address, and write by read', () => {
    const sparse = fc.record({
      a: fc.constantFrom(0, 0xfe80_0000, 1),
      b: fc.constantFrom(0, 1),
      c: fc.constantFrom(0, 0xffff, 0x1_0000),
      d: fc.constantFrom(0, 1, 0x1_0000, 0xffff_ffff),
    });
    fc.assert(
      fc.property(fc.oneof(ipv6, sparse), (address) => {
        expect(v6.parseIpv6Address(v6.formatIpv6Address(address))).toEqual(address);
        const bytes = new Uint8Array(17);
        v6.writeIpv6Address(address, bytes, 1);
        expect(v6.readIpv6Address(bytes, 1)).toEqual(address);
      }),
    );
  });

  it('writes the canonical text (RFC 5952 §4)', () => {
    const canonical: Record<string, string> = {
      '2001:0DB8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
      '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
      '0:0:0:0:0:0:0:0': '::',
      '1:0:0:0:0:0:0:0': '1::',
      '::ffff:192.0.2.1': '::ffff:192.0.2.1',
      '64:ff9b::192.0.2.33': '64:ff9b::c000:221',
    };
    for (const [text, expected] of Object.entries(canonical)) {
      const address = v6.parseIpv6Address(text);
      expect(address && v6.formatIpv6Address(address)).toBe(expected);
    }
  });

  it('refuses what is no address', () => {
    for (const text of [
      '',
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '12345::',
      '::1.2.3',
      '::1%eth0',
      '1:2:3:4:5:6:7::8',
      ':1',
      '1:',
      '1.2.3.4::',
    ]) {
      expect(v6.parseIpv6Address(text), text).toBeUndefined();
    }
  });
});

describe('ipv6FromMac', () => {
  it('makes the address that Linux makes', () => {
    const prefix = { a: 0xfe80_0000, b: 0, c: 0, d: 0 };
    const address = v6.ipv6FromMac(prefix, 0x5254_0012_3456);
    expect(v6.formatIpv6Address(address)).toBe('fe80::5054:ff:fe12:3456');
    expect(v6.formatIpv6Address(v6.solicitedNode(address))).toBe('ff02::1:ff12:3456');
  });
});
