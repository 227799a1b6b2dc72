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
    expect(ethernet.formatMac(ethernet.macOfIpv6Group(v6.IPV6_ALL_NODES))).toBe('33:33:00:00:00:01');
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

describe('parseIpv4Cidr', () => {
  it('clears host bits and holds its addresses', () => {
    const cidr = v4.parseIpv4Cidr('192.168.127.9/24');
    expect(cidr).toEqual({ address: 0xc0a8_7f00, length: 24 });
    if (cidr === undefined) return;
    expect(v4.formatIpv4Cidr(cidr)).toBe('192.168.127.0/24');
    expect(v4.ipv4InCidr(0xc0a8_7ffe, cidr)).toBe(true);
    expect(v4.ipv4InCidr(0xc0a8_80fe, cidr)).toBe(false);
    expect(v4.ipv4CidrBroadcast(cidr)).toBe(0xc0a8_7fff);
  });

  it('takes the lengths 0 and 32, and none beyond', () => {
    expect(v4.parseIpv4Cidr('1.2.3.4/0')).toEqual({ address: 0, length: 0 });
    expect(v4.parseIpv4Cidr('255.2.3.4/32')).toEqual({ address: 0xff02_0304, length: 32 });
    for (const text of ['1.2.3.4', '1.2.3.4/33', '1.2.3.4/', '1.2.3.4/1/2', '1.2.3.4/01']) {
      expect(v4.parseIpv4Cidr(text), text).toBeUndefined();
    }
  });

  it('agrees with ipv4Mask and ipv4PrefixLength', () => {
    for (let length = 0; length <= 32; length++)
      expect(v4.ipv4PrefixLength(v4.ipv4Mask(length))).toBe(length);
    expect(v4.ipv4PrefixLength(0xff00_ff00)).toBeUndefined();
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
        expect(v6.ipv6EqualsAt(bytes, 1, address)).toBe(true);
        expect(v6.ipv6EqualsAt(bytes, 1, { ...address, c: (address.c ^ 1) >>> 0 })).toBe(false);
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

describe('parseIpv6Cidr', () => {
  it('clears host bits at every length', () => {
    fc.assert(
      fc.property(ipv6, fc.nat(128), (address, length) => {
        const cidr = v6.parseIpv6Cidr(`${v6.formatIpv6Address(address)}/${length}`);
        expect(cidr).toEqual({ address: v6.maskIpv6(address, length), length });
        expect(cidr && v6.ipv6InCidr(address, cidr)).toBe(true);
      }),
    );
    expect(v6.parseIpv6Cidr('fe80::1/129')).toBeUndefined();
    const cidr = v6.parseIpv6Cidr('fd00:9::/64');
    expect(cidr && v6.formatIpv6Cidr(cidr)).toBe('fd00:9::/64');
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

describe('ipv6Key', () => {
  it('differs where addresses differ', () => {
    fc.assert(
      fc.property(
        ipv6,
        ipv6,
        (one, other) => (v6.ipv6Key(one) === v6.ipv6Key(other)) === v6.ipv6Equals(one, other),
      ),
    );
  });
});
