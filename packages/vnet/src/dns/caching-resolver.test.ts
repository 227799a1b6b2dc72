import { IpAddress } from '@orlop/netstack';
import { DNS_CLASS_IN, DNS_NAME_ERROR, DNS_TYPE_A, type DnsRecord, encodeDns, parseDns } from '@orlop/wire';
import { describe, expect, it } from 'vitest';
import { CachingResolver } from './caching-resolver.ts';
import type { DnsQuery } from './resolver.ts';

const FLAGS = {
  opcode: 0,
  authoritative: false,
  truncated: false,
  recursionDesired: true,
  recursionAvailable: true,
  authenticData: false,
  checkingDisabled: false,
  responseCode: 0,
  answers: [],
  authorities: [],
  additionals: [],
};
const signal = new AbortController().signal;

function query(name: string, id = 1): DnsQuery {
  const questions = [{ name, type: DNS_TYPE_A, class: DNS_CLASS_IN }];
  const message = encodeDns({ ...FLAGS, id, response: false, questions });
  return { message, transport: 'udp', guest: IpAddress.v4(0xc0a87f02) };
}

/** A cache over a server that answers as told, and counts. */
function cacheOver(answers: readonly DnsRecord[], more: object = {}, options: object = {}) {
  let now = 0;
  let asked = 0;
  const cache = new CachingResolver({
    now: () => now,
    next: {
      resolve: async ({ message }) => {
        asked++;
        const fields = parseDns(message, 0, message.length);
        if (typeof fields === 'string') return undefined;
        return encodeDns({ ...fields, ...FLAGS, response: true, answers, ...more });
      },
    },
    ...options,
  });
  return {
    cache,
    asked: () => asked,
    pass: (seconds: number) => {
      now += seconds * 1000;
    },
    ask: async (name: string, id?: number) => {
      const answer = await cache.resolve(query(name, id), { signal });
      const fields = answer === undefined ? 'truncated' : parseDns(answer, 0, answer.length);
      if (typeof fields === 'string') throw new Error(fields);
      return fields;
    },
  };
}

const A: DnsRecord = { kind: 'A', name: 'www.far.test', class: DNS_CLASS_IN, ttl: 60, address: 0x0a000001 };
const SOA: DnsRecord = {
  kind: 'SOA',
  name: 'far.test',
  class: DNS_CLASS_IN,
  ttl: 3600,
  primary: 'ns.far.test',
  mailbox: 'root.far.test',
  serial: 1,
  refresh: 1,
  retry: 1,
  expire: 1,
  minimum: 30,
};

describe('CachingResolver', () => {
  it('answers from the cache with the asker’s identifier and spelling, and a TTL that counts down', async () => {
    const net = cacheOver([A]);
    await net.ask('www.far.test', 7);
    net.pass(45);
    const again = await net.ask('WWW.far.TEST', 8);
    expect(again).toMatchObject({ id: 8, questions: [{ name: 'WWW.far.TEST' }], answers: [{ ttl: 15 }] });
    expect(net.asked()).toBe(1);
    net.pass(15);
    await net.ask('www.far.test');
    expect(net.asked()).toBe(2);
  });

  it('keeps "no such name" as long as the zone says', async () => {
    const net = cacheOver([], { responseCode: DNS_NAME_ERROR, authorities: [SOA] });
    await net.ask('none.far.test');
    net.pass(29);
    expect((await net.ask('none.far.test')).responseCode).toBe(DNS_NAME_ERROR);
    expect(net.asked()).toBe(1);
    net.pass(1);
    await net.ask('none.far.test');
    expect(net.asked()).toBe(2);
  });

  it.each([
    ['a server’s failure', { responseCode: 2 }],
    ['a truncated answer', { truncated: true }],
    ['a TTL of 0', { answers: [{ ...A, ttl: 0 }] }],
    ['a negative answer without SOA', { answers: [], responseCode: DNS_NAME_ERROR }],
  ])('does not keep %s', async (_what, more) => {
    const net = cacheOver([A], more);
    await net.ask('www.far.test');
    await net.ask('www.far.test');
    expect(net.asked()).toBe(2);
  });

  it('asks once for all who ask at the same time', async () => {
    const net = cacheOver([A]);
    const answers = await Promise.all([net.ask('www.far.test', 1), net.ask('www.far.test', 2)]);
    expect(answers.map(({ id }) => id)).toEqual([1, 2]);
    expect(net.asked()).toBe(1);
    expect(net.cache.counters.joined).toBe(1);
  });

  it('never holds more than its bound', async () => {
    const net = cacheOver([A], {}, { maxEntries: 10 });
    for (let i = 0; i < 1000; i++) await net.ask(`n${i}.far.test`);
    expect(net.cache.size).toBe(10);
    expect(net.cache.counters.evicted).toBe(990);
  });

  it('passes on what is no DNS', async () => {
    const { cache } = cacheOver([A]);
    const junk = { ...query('x'), message: new Uint8Array(20).fill(0xff) };
    expect(await cache.resolve(junk, { signal })).toBeUndefined();
  });

  it('asks a question that nobody answered again after five seconds, not before', async () => {
    let now = 0;
    let asked = 0;
    const resolve = async () => {
      asked++;
      return undefined;
    };
    const cache = new CachingResolver({ now: () => now, next: { resolve } });
    for (const at of [0, 4999, 5000]) {
      now = at;
      expect(await cache.resolve(query('www.far.test'), { signal })).toBeUndefined();
    }
    expect(asked).toBe(2);
    cache.clear();
    await cache.resolve(query('www.far.test'), { signal });
    expect(asked).toBe(3);
  });
});
