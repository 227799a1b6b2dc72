import { describe, expect, it } from 'vitest';
import { ZoneTable } from './zone-table.ts';

const www = { name: 'www', type: 'A', value: '10.0.0.1' } as const;

describe('ZoneTable', () => {
  it('lets the most specific zone answer', () => {
    const zones = new ZoneTable([
      { name: 'test', records: [{ name: 'www.sub', type: 'A', value: '10.0.0.1' }] },
      { name: 'sub.test', records: [{ name: 'www', type: 'A', value: '10.0.0.2' }] },
    ]);
    expect(zones.answer('www.sub.test')).toMatchObject({ records: [{ address: 0x0a000002 }] });
  });

  it('tells a name without records from one that is not there', () => {
    const zones = new ZoneTable([{ name: 'own.test', records: [{ ...www, name: 'a.b' }] }]);
    expect(zones.answer('b.own.test')).toEqual({ kind: 'records', records: [], zone: 'own.test' });
    expect(zones.answer('c.own.test')).toEqual({ kind: 'no-such-name', zone: 'own.test' });
    expect(zones.answer('other.test')).toEqual({ kind: 'pass' });
  });

  it('has the records that a zone gives for names of others, and no more of those', () => {
    const records = [www, { name: '1.0.0.10.in-addr.arpa.', type: 'PTR', value: 'www' } as const];
    const zones = new ZoneTable([{ name: 'own.test', records, defaultAddress: '10.0.0.9' }]);
    const answer = zones.answer('1.0.0.10.in-addr.arpa');
    expect(answer).toMatchObject({ kind: 'records', records: [{ target: 'www.own.test' }] });
    expect(zones.answer('2.0.0.10.in-addr.arpa')).toEqual({ kind: 'pass' });
    expect(zones.answer('0.0.10.in-addr.arpa')).toEqual({ kind: 'pass' });
  });

  it('asks on for names that a zone with fallThrough does not have', () => {
    const zones = new ZoneTable([{ name: 'corp.example', records: [www], fallThrough: true }]);
    expect(zones.answer('mail.corp.example')).toEqual({ kind: 'pass' });
    expect(zones.answer('www.corp.example').kind).toBe('records');
  });

  it('has addresses for patterns and for all other names', () => {
    const zones = new ZoneTable([
      {
        name: 'crc.test',
        patterns: [{ pattern: '^api-\\d+$', address: '10.0.0.3' }],
        defaultAddress: '10.0.0.4',
      },
    ]);
    expect(zones.answer('api-7.crc.test')).toMatchObject({ records: [{ address: 0x0a000003 }] });
    expect(zones.answer('api-x.crc.test')).toMatchObject({ records: [{ address: 0x0a000004 }] });
  });

  it('tells of each change, and takes records out again', () => {
    const zones = new ZoneTable();
    let changes = 0;
    zones.onChange = () => {
      changes++;
    };
    zones.set({ name: 'own.test', records: [www, { ...www, type: 'TXT', value: 'x' }] });
    zones.removeRecords('own.test', 'www', 'TXT');
    expect(zones.list()).toEqual([{ name: 'own.test', records: [www] }]);
    zones.remove('own.test');
    expect(changes).toBe(3);
    expect(() => zones.remove('own.test')).toThrow(/no zone "own.test"/);
  });

  it.each([
    [{ ...www, value: '10.0.0' }, 'is no address for A'],
    [{ ...www, type: 'AAAA' as const }, 'is no address for AAAA'],
    [{ ...www, type: 'MX' as const, value: 'mail' }, 'number up to 65535'],
    [{ ...www, type: 'SRV' as const, value: '1 2 70000 x' }, 'number up to 65535'],
    [{ ...www, type: 'CNAME' as const, value: '' }, 'names no target'],
    [{ ...www, name: `${'a'.repeat(64)}` }, 'has no name of DNS'],
  ])('turns down %o', (record, why) => {
    expect(() => new ZoneTable([{ name: 'own.test', records: [record] }])).toThrow(why);
  });
});
