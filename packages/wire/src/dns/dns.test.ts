import { type Answer, decode, encode, type Packet } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIpv4Address } from '../address/ipv4.ts';
import { formatIpv6Address, parseIpv6Address } from '../address/ipv6.ts';
import { bytes, dnsName, ipv6, u8, u16, u32 } from '../testing/arbitraries.ts';
import { describeFormat } from '../testing/format-suite.ts';
import { DNS_MAX_LEN, emitDns, encodeDns, isDnsName } from './emit.ts';
import { DNS_HEADER_LEN, DnsView, parseDns } from './parse.ts';
import type { DnsFields, DnsRecord } from './types.ts';

const head = { name: dnsName, class: u16, ttl: u32 };
const record: fc.Arbitrary<DnsRecord> = fc.oneof(
  fc.record({ ...head, kind: fc.constant('A' as const), address: u32 }),
  fc.record({ ...head, kind: fc.constant('AAAA' as const), address: ipv6 }),
  fc.record({
    ...head,
    kind: fc.constantFrom('CNAME' as const, 'NS' as const, 'PTR' as const),
    target: dnsName,
  }),
  fc.record({
    ...head,
    kind: fc.constant('TXT' as const),
    strings: fc.array(bytes(0, 30), { maxLength: 3 }),
  }),
  fc.record({ ...head, kind: fc.constant('MX' as const), preference: u16, exchange: dnsName }),
  fc.record({
    ...head,
    kind: fc.constant('SRV' as const),
    priority: u16,
    weight: u16,
    port: u16,
    target: dnsName,
  }),
  fc.record({
    ...head,
    kind: fc.constant('SOA' as const),
    primary: dnsName,
    mailbox: dnsName,
    serial: u32,
    refresh: u32,
    retry: u32,
    expire: u32,
    minimum: u32,
  }),
  fc.record({
    ...head,
    kind: fc.constant('HTTPS' as const),
    priority: u16,
    target: dnsName,
    parameters: fc.array(fc.record({ key: u16, value: bytes(0, 20) }), { maxLength: 3 }),
  }),
  fc.record({
    ...head,
    kind: fc.constant('other' as const),
    type: fc.integer({ min: 100, max: 0xffff }),
    data: bytes(0, 30),
  }),
);
const records = fc.array(record, { maxLength: 3 });
const base = {
  id: u16,
  response: fc.boolean(),
  opcode: fc.nat(15),
  authoritative: fc.boolean(),
  truncated: fc.boolean(),
  recursionDesired: fc.boolean(),
  recursionAvailable: fc.boolean(),
  authenticData: fc.boolean(),
  checkingDisabled: fc.boolean(),
  questions: fc.array(fc.record({ name: dnsName, type: u16, class: u16 }), { maxLength: 2 }),
  answers: records,
  authorities: records,
  additionals: records,
};
const edns = fc.record({
  udpPayloadSize: u16,
  version: u8,
  dnssecOk: fc.boolean(),
  options: fc.array(fc.record({ code: u16, data: bytes(0, 20) }), { maxLength: 2 }),
});
const arbitrary: fc.Arbitrary<DnsFields> = fc.oneof(
  fc.record({ ...base, responseCode: fc.nat(15) }),
  fc.record({ ...base, responseCode: fc.nat(4095), edns }),
);

describeFormat('DNS', {
  arbitrary,
  length: (fields) => encodeDns(fields).length,
  emit: (fields, into, offset) => emitDns(fields, into, offset) ?? -1,
  parse: parseDns,
  headerLength: DNS_HEADER_LEN,
});

const answer: DnsFields = {
  id: 4711,
  response: true,
  opcode: 0,
  authoritative: true,
  truncated: false,
  recursionDesired: true,
  recursionAvailable: true,
  authenticData: false,
  checkingDisabled: false,
  responseCode: 0,
  questions: [{ name: 'www.example.test', type: 1, class: 1 }],
  answers: [],
  authorities: [],
  additionals: [],
};

describe('parseDns', () => {
  it('refuses pointers that do not lead backwards', () => {
    for (const pointer of [12, 14, 40]) {
      const message = new Uint8Array(20);
      message[5] = 1;
      message.set([0xc0, pointer, 0, 1, 0, 1], 12);
      expect(parseDns(message, 0, 20)).toBe('bad-value');
    }
  });

  it('follows as many pointers as a name has labels, so that a message full of them takes no seconds', () => {
    const chained = (questions: number) => {
      const message = new Uint8Array(19 + 6 * (questions - 1));
      message.set([questions >>> 8, questions & 255], 4);
      message.set([1, 0x61, 0, 0, 1, 0, 1], 12);
      for (let at = 19; at < message.length; at += 6) {
        const target = at === 19 ? 12 : at - 6; // the question before
        message.set([0xc0 | (target >>> 8), target & 255, 0, 1, 0, 1], at);
      }
      return parseDns(message, 0, message.length);
    };
    expect(chained(128)).toMatchObject({ questions: { length: 128 } });
    expect(chained(129)).toBe('too-deep');
  });

  it('refuses a second OPT record (RFC 6891 §6.1.1)', () => {
    const message = new Uint8Array(12 + 22);
    message[11] = 2;
    for (const at of [12, 23]) message[at + 2] = 41;
    expect(parseDns(message, 0, message.length)).toBe('bad-option');
  });

  it('keeps data that do not fit their type', () => {
    const record: DnsRecord = {
      name: 'a',
      class: 1,
      ttl: 0,
      kind: 'other',
      type: 1,
      data: Uint8Array.of(1, 2, 3),
    };
    const message = encodeDns({ ...answer, answers: [record] });
    expect(parseDns(message, 0, message.length)).toMatchObject({ answers: [record] });
  });
});

describe('DnsView', () => {
  it('reads what parseDns reads', () => {
    const message = encodeDns({ ...answer, truncated: true, responseCode: 3 });
    expect([DnsView.id(message, 0), DnsView.responseCode(message, 0)]).toEqual([4711, 3]);
    expect([DnsView.isResponse(message, 0), DnsView.isTruncated(message, 0)]).toEqual([true, true]);
    expect([DnsView.opcode(message, 0), DnsView.questionCount(message, 0)]).toEqual([0, 1]);
  });
});

describe('encodeDns', () => {
  const many = Array.from({ length: 60 }, (_, index): DnsRecord => {
    return { name: 'www.example.test', class: 1, ttl: 300, kind: 'A', address: index };
  });

  it('leaves out additional records before it truncates', () => {
    const fields = { ...answer, answers: many.slice(0, 20), additionals: many.slice(20) };
    const message = encodeDns(fields, { maxLength: 512 });
    const parsed = parseDns(message, 0, message.length);
    expect(parsed).toMatchObject({ truncated: false, answers: { length: 20 }, additionals: [] });
  });

  it('fills the space with answers and says that it truncated (RFC 2181 §9)', () => {
    const message = encodeDns({ ...answer, answers: many }, { maxLength: 512 });
    expect(message.length).toBeGreaterThan(512 - 16);
    expect(message.length).toBeLessThanOrEqual(512);
    expect(parseDns(message, 0, message.length)).toMatchObject({ truncated: true, answers: { length: 29 } });
  });

  it('points no further than 14 bits reach', () => {
    const long = Array.from({ length: 300 }, (_, index): DnsRecord => {
      const name = `${'x'.repeat(60)}.n${index}.example`;
      return { name, class: 1, ttl: 1, kind: 'CNAME', target: name };
    });
    const message = encodeDns({ ...answer, answers: long });
    expect(message.length).toBeGreaterThan(0x4000);
    expect(parseDns(message, 0, message.length)).toMatchObject({ answers: long });
  });

  it('keeps the case of a name and does not share names that differ in it', () => {
    const answers: DnsRecord[] = [{ name: 'WWW.example.TEST', class: 1, ttl: 1, kind: 'A', address: 1 }];
    const message = encodeDns({ ...answer, answers });
    expect(parseDns(message, 0, message.length)).toMatchObject({ answers });
  });
});

describe('isDnsName', () => {
  it('takes labels of 1 to 63 bytes and 255 in all', () => {
    const label = 'a'.repeat(63);
    const longest = [label, label, label, 'a'.repeat(61)].join('.');
    for (const name of ['', '.', 'a', 'a.', 'a\\.b.c', '\\000\\255', label, longest]) {
      expect(isDnsName(name), name).toBe(true);
    }
    for (const name of ['.a', 'a..b', `${label}a`, `${longest}a`, 'a\\256', 'a\\', 'ä']) {
      expect(isDnsName(name), name).toBe(false);
    }
  });
});

/** Names that dns-packet writes as we do. */
const plainName = fc
  .array(fc.stringMatching(/^[a-z0-9_-]{1,12}$/), { minLength: 1, maxLength: 4 })
  .map((labels) => labels.join('.'));
const theirRecord: fc.Arbitrary<Answer> = fc
  .tuple(
    plainName,
    fc.nat(0x7fff_ffff),
    fc.oneof(
      u32.map((address) => ({ type: 'A' as const, data: formatIpv4Address(address) })),
      ipv6.map((address) => ({ type: 'AAAA' as const, data: formatIpv6Address(address) })),
      fc
        .tuple(fc.constantFrom('CNAME' as const, 'NS' as const, 'PTR' as const), plainName)
        .map(([type, data]) => ({ type, data })),
      fc
        .array(bytes(0, 30), { minLength: 1, maxLength: 3 })
        .map((data) => ({ type: 'TXT' as const, data: data.map((string) => Buffer.from(string)) })),
      fc
        .tuple(u16, plainName)
        .map(([preference, exchange]) => ({ type: 'MX' as const, data: { preference, exchange } })),
      fc
        .record({ priority: u16, weight: u16, port: u16, target: plainName })
        .map((data) => ({ type: 'SRV' as const, data })),
      fc
        .record({
          mname: plainName,
          rname: plainName,
          serial: u32,
          refresh: u32,
          retry: u32,
          expire: u32,
          minimum: u32,
        })
        .map((data) => ({ type: 'SOA' as const, data })),
    ),
  )
  .map(([name, ttl, rest]) => ({ name, ttl, class: 'IN' as const, ...rest }));

describe('dns-packet', () => {
  const theirs = fc.record({
    type: fc.constantFrom('query' as const, 'response' as const),
    id: u16,
    flags: fc.constantFrom(0, 0x100, 0x180, 0x400, 0x20, 0x10),
    questions: fc
      .array(plainName, { maxLength: 2 })
      .map((names) => names.map((name) => ({ name, type: 'A' as const }))),
    answers: fc.array(theirRecord, { maxLength: 4 }),
    authorities: fc.array(theirRecord, { maxLength: 2 }),
    additionals: fc.array(theirRecord, { maxLength: 2 }),
  });

  it('reads from parseDns and emitDns what it wrote', () => {
    fc.assert(
      fc.property(theirs, (packet: Packet) => {
        const written = encode(packet);
        const parsed = parseDns(written, 0, written.length);
        expect(typeof parsed).toBe('object');
        if (typeof parsed === 'string') return;
        const ours = encodeDns(parsed);
        expect(ours.length).toBeLessThanOrEqual(written.length);
        expect(decode(Buffer.from(ours))).toEqual(decode(written));
      }),
      { numRuns: 300 },
    );
  });

  it('agrees with formatDnsRecord on addresses', () => {
    const record: Answer = { name: 'a.test', type: 'AAAA', data: 'fd00:9::1', class: 'IN', ttl: 5 };
    const written = encode({ type: 'response', id: 1, answers: [record] });
    const address = parseIpv6Address('fd00:9::1');
    expect(parseDns(written, 0, written.length)).toMatchObject({
      answers: [{ kind: 'AAAA', ttl: 5, address }],
    });
  });

  it('understands our EDNS', () => {
    const options = [{ code: 10, data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }];
    const message = encodeDns({
      ...answer,
      edns: { udpPayloadSize: 1232, version: 0, dnssecOk: true, options },
    });
    const [opt] = decode(Buffer.from(message)).additionals ?? [];
    expect(opt).toMatchObject({ type: 'OPT', udpPayloadSize: 1232, flag_do: true, options: [{ code: 10 }] });
  });
});

describe('emitDns', () => {
  it('says that a buffer is too short', () => {
    const whole = encodeDns(answer);
    expect(emitDns(answer, new Uint8Array(whole.length - 1), 0)).toBeUndefined();
    expect(emitDns(answer, new Uint8Array(whole.length), 0)).toBe(whole.length);
    expect(whole.length).toBeLessThan(DNS_MAX_LEN);
  });
});
