import { IpPrefix } from '@orlop/netstack';
import { describe, expect, it } from 'vitest';
import { LeaseTable } from '../dhcp/leases.ts';
import { ip } from '../testing/test-network.ts';
import { networkNames } from './network-names.ts';

function names() {
  const leases = new LeaseTable({
    subnet: new IpPrefix(ip('192.168.127.0'), 24),
    ...{ first: ip('192.168.127.2'), last: ip('192.168.127.9'), reserved: [ip('192.168.127.1')] },
    ...{ leaseMs: 1000, now: () => 0, wallMs: () => 0, staticLeases: [] },
  });
  const gateways = [ip('192.168.127.1')];
  const prefixes = [new IpPrefix(ip('192.168.127.0'), 24), new IpPrefix(ip('fd00:1::'), 64)];
  const names = { domain: 'net.test', gateways, hosts: [], extra: new Map(), prefixes };
  const source = networkNames({ leases, ...names });
  const ask = (name: string) => {
    const answer = source.answer(name);
    if (answer.kind !== 'records') return answer.kind;
    return answer.records.map((record) => (record.kind === 'PTR' ? record.target : Object(record).address));
  };
  return { leases, ask };
}

describe('networkNames', () => {
  it('says of a guest’s address what it is called, unless the name is another guest’s', () => {
    const { leases, ask } = names();
    leases.confirm(1, ip('192.168.127.2'), 'web');
    leases.confirm(2, ip('192.168.127.3'), 'web');
    expect(ask('2.127.168.192.in-addr.arpa')).toEqual(['web.net.test']);
    expect(ask('3.127.168.192.in-addr.arpa')).toBe('no-such-name');
    expect(ask('web.net.test')).toEqual(ask('web'));
    leases.release(1);
    expect(ask('3.127.168.192.in-addr.arpa')).toEqual(['web.net.test']);
  });

  it('asks nobody else what its own addresses are called', () => {
    const { ask } = names();
    const reverse6 = (prefix: string) => `9.${'0.'.repeat(15)}${prefix}.ip6.arpa`;
    expect(ask('9.127.168.192.in-addr.arpa')).toBe('no-such-name');
    expect(ask('1.127.168.192.in-addr.arpa')).toEqual(['gateway.net.test']);
    expect(ask(reverse6('0.0.0.0.0.0.0.0.1.0.0.0.0.0.d.f'))).toBe('no-such-name');
    expect(ask(reverse6('1.0.0.0.0.0.0.0.1.0.0.0.0.0.d.f'))).toBe('pass');
    for (const name of [
      '9.126.168.192.in-addr.arpa',
      '127.168.192.in-addr.arpa',
      '999.127.168.192.in-addr.arpa',
    ])
      expect(ask(name)).toBe('pass');
  });

  it('takes no guest for the gateway or the host that says to be called so', () => {
    const { leases, ask } = names();
    leases.confirm(1, ip('192.168.127.2'), 'gateway');
    leases.confirm(2, ip('192.168.127.3'), 'host');
    expect(ask('gateway')).toEqual([ip('192.168.127.1').w3 >>> 0]);
    expect(ask('gateway.net.test')).toEqual([ip('192.168.127.1').w3 >>> 0]);
    expect([ask('host'), ask('host.net.test')]).toEqual(['pass', 'no-such-name']);
  });
});
