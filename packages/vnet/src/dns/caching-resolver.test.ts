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
  return { message: encodeQuery(name, id), transport: 'udp', guest: IpAddress.v4(0xc0a87f02) };
}

function encodeQuery(name: string, id: number, more: object = {}): Uint8Array {
  const questions = [{ name, type: DNS_TYPE_A, class: DNS_CLASS_IN }];
  return encodeDns({ ...FLAGS, ...more, id, response: false, questions });
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

  const CNAME: DnsRecord = {
    kind: 'CNAME',
    name: 'www.far.test',
    class: DNS_CLASS_IN,
    ttl: 86_400,
    target: 'a.test',
  };

  it.each([
    ['name', DNS_NAME_ERROR],
    ['record', 0],
  ])('keeps that an alias leads to no such %s as long as the zone says', async (_what, responseCode) => {
    const net = cacheOver([CNAME], { responseCode, authorities: [SOA] });
    await net.ask('www.far.test');
    net.pass(29);
    await net.ask('www.far.test');
    expect(net.asked()).toBe(1);
    net.pass(1);
    await net.ask('www.far.test');
    expect(net.asked()).toBe(2);
  });

  it.each([
    ['a server’s failure', { responseCode: 2 }],
    ['an alias that leads to nothing, without SOA', { answers: [CNAME] }],
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

  it('tells who asks at the same time and takes less that the answer is too long', async () => {
    const many = Array.from({ length: 40 }, (_, i) => ({ ...A, address: i }));
    const net = cacheOver(many);
    const edns = { udpPayloadSize: 4096, version: 0, dnssecOk: false, options: [] };
    const large = { ...query('www.far.test', 1), message: encodeQuery('www.far.test', 1, { edns }) };
    const small = encodeQuery('www.far.test', 2, { edns: { ...edns, udpPayloadSize: 512 } });
    const answers = await Promise.all([
      net.cache.resolve(large, { signal }),
      net.cache.resolve({ ...large, message: small }, { signal }),
    ]);
    const [first, second] = answers.map((answer) =>
      parseDns(answer ?? new Uint8Array(0), 0, answer?.length ?? 0),
    );
    expect(first).toMatchObject({ id: 1, truncated: false });
    expect(second).toMatchObject({ id: 2, truncated: true, answers: [] });
  });

  it('passes on an answer that does not repeat the question, to all who asked, and does not keep it', async () => {
    const net = cacheOver([A], { questions: [] });
    const answers = await Promise.all([net.ask('www.far.test', 1), net.ask('www.far.test', 2)]);
    const kept = { questions: [], answers: [{ address: A.address }] };
    expect(answers).toMatchObject([
      { id: 1, ...kept },
      { id: 2, ...kept },
    ]);
    await net.ask('www.far.test', 3);
    expect(net.asked()).toBe(2);
    const bare = cacheOver([], { questions: [], responseCode: 2 });
    expect(await Promise.all([bare.ask('x.test', 1), bare.ask('x.test', 2)])).toMatchObject([
      { id: 1 },
      { id: 2 },
    ]);
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
