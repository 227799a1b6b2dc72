import { seededRandom } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { PortSession } from '../compat/ninep/port-session.ts';
import { ttlOfMessage, walkDnsMessage } from '../dns/raw-message.ts';
import { ForwardTable } from '../forward/forward-table.ts';
import { parseRequestHead } from './http-head.ts';
import { parseServerName } from './server-name.ts';

/** A TLS 1.2 ClientHello for "a.test", by hand from RFC 5246 §7.4.1.2 and RFC 6066 §3. */
const HELLO = Buffer.from(
  `160301003f0100003b0303${'11'.repeat(32)}000002c02f01000010` +
    '0000000b0009000006612e74657374'.padEnd(32, '0'),
  'hex',
);
const DNS = Buffer.from(
  '12348180000100010000000003777777036f776e0000010001c00c00010001000000' + '3c00040a000001',
  'hex',
);
const REQUEST = Buffer.from('GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\n\r\n');

const READERS: readonly (readonly [string, Buffer, (bytes: Uint8Array) => unknown])[] = [
  ['parseServerName', HELLO, (bytes) => parseServerName(bytes).kind],
  ['parseRequestHead', REQUEST, (bytes) => typeof parseRequestHead(bytes)],
  [
    'walkDnsMessage',
    DNS,
    (bytes) => {
      const message = walkDnsMessage(bytes);
      return message === undefined ? 'undefined' : typeof ttlOfMessage(bytes, message);
    },
  ],
];

describe('readers of what guests send', () => {
  it('read what their seeds hold', () => {
    expect(parseServerName(HELLO)).toEqual({ kind: 'name', name: 'a.test' });
    expect(parseRequestHead(REQUEST)).toMatchObject({ method: 'GET', target: 'http://a.test/x' });
    expect(walkDnsMessage(DNS)?.records).toMatchObject([{ type: 1, ttl: 60, dataLength: 4 }]);
  });

  it.each(READERS)('%s answers 50,000 mutated inputs with a value', (_name, seed, read) => {
    const random = seededRandom(42);
    const seen = new Set<unknown>();
    for (let round = 0; round < 50_000; round++) {
      const bytes = Uint8Array.from(seed).subarray(0, random.u32() % (seed.length + 1));
      for (let i = random.u32() % 6; i > 0 && bytes.length > 0; i--) {
        bytes[random.u32() % bytes.length] = random.u32();
      }
      seen.add(read(bytes));
    }
    expect([...seen].every((kind) => typeof kind === 'string')).toBe(true);
    expect(seen.size).toBeGreaterThan(1);
  });

  it('parseRequestHead reads a head full of white space in time that grows with its length', () => {
    const head = Buffer.from(`GET / HTTP/1.1\r\nA: b${' '.repeat(31_000)}c \t\r\n\r\n`);
    const begin = performance.now();
    for (let i = 0; i < 20; i++)
      expect(parseRequestHead(head)?.headers).toEqual([['A', `b${' '.repeat(31_000)}c`]]);
    // A regular expression that tries again from each blank takes many times as long.
    expect(performance.now() - begin).toBeLessThan(2000);
  });

  it('PortSession answers 20,000 random messages, each with its tag, and leaves nothing in force', async () => {
    const never = () => Promise.reject(new Error('no forward can be put in force by chance'));
    const forwards = new ForwardTable({ tcp: never, udp: never, endToHost: () => {} });
    const session = new PortSession(forwards);
    const random = seededRandom(7);
    for (let round = 0; round < 20_000; round++) {
      const bytes = new Uint8Array(7 + (random.u32() % 60));
      random.fill(bytes);
      bytes[4] = 100 + (random.u32() % 30);
      bytes.fill(0, 8, Math.min(12, bytes.length)); // most fids are the first
      const answer = await session.answer(bytes);
      expect([answer[5], answer[6]]).toEqual([bytes[5], bytes[6]]);
    }
    session.close();
    expect(forwards.list()).toEqual([]);
  });
});
