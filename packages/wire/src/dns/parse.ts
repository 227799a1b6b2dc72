import { readIpv6Address } from '../address/ipv6.ts';
import { copyBytes } from '../copy-bytes.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, readU32 } from '../network-order.ts';
import { formatLabel, MAX_LABEL_LEN, MAX_NAME_LEN, MAX_NAME_POINTERS } from './plain-name.ts';
import {
  DNS_TYPE_A,
  DNS_TYPE_AAAA,
  DNS_TYPE_CNAME,
  DNS_TYPE_HTTPS,
  DNS_TYPE_MX,
  DNS_TYPE_NS,
  DNS_TYPE_OPT,
  DNS_TYPE_PTR,
  DNS_TYPE_SOA,
  DNS_TYPE_SRV,
  DNS_TYPE_TXT,
  type DnsEdns,
  type DnsFields,
  type DnsQuestion,
  type DnsRecord,
  type DnsRecordHead,
  type DnsServiceParameter,
} from './types.ts';

/** RFC 1035 §4.1.1. */
export const DNS_HEADER_LEN = 12;
export const DNS_PORT = 53;
/** What fits a UDP datagram without EDNS (RFC 1035 §4.2.1). */
export const DNS_MIN_UDP_LEN = 512;

/** Reads in place. Precondition: {@link checkDns} found nothing. */
export const DnsView = {
  id: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset),
  isResponse: (bytes: Uint8Array, offset: number): boolean => (bytes[offset + 2] & 0x80) !== 0,
  opcode: (bytes: Uint8Array, offset: number): number => (bytes[offset + 2] >>> 3) & 15,
  isTruncated: (bytes: Uint8Array, offset: number): boolean => (bytes[offset + 2] & 2) !== 0,
  responseCode: (bytes: Uint8Array, offset: number): number => bytes[offset + 3] & 15,
  questionCount: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 4),
  answerCount: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 6),
  authorityCount: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 8),
  additionalCount: (bytes: Uint8Array, offset: number): number => readU16(bytes, offset + 10),
} as const;

/** Whether the view may read the message at `offset`. */
export function checkDns(_bytes: Uint8Array, offset: number, end: number): Malformed | undefined {
  return end - offset < DNS_HEADER_LEN ? 'truncated' : undefined;
}

/** The message in `[offset, end)`, without the length that goes before it over TCP. Bytes after it are ignored. */
export function parseDns(bytes: Uint8Array, offset: number, end: number): DnsFields | Malformed {
  const malformed = checkDns(bytes, offset, end);
  if (malformed !== undefined) return malformed;
  const reader = new DnsReader(bytes, offset, end);
  const flags = readU16(bytes, offset + 2);
  const questions = reader.questions(DnsView.questionCount(bytes, offset));
  const answers = reader.records(DnsView.answerCount(bytes, offset));
  const authorities = reader.records(DnsView.authorityCount(bytes, offset));
  const additionals = reader.records(DnsView.additionalCount(bytes, offset));
  if (reader.malformed !== undefined) return reader.malformed;
  const { edns } = reader;
  return {
    id: readU16(bytes, offset),
    response: (flags & 0x8000) !== 0,
    opcode: (flags >>> 11) & 15,
    authoritative: (flags & 0x400) !== 0,
    truncated: (flags & 0x200) !== 0,
    recursionDesired: (flags & 0x100) !== 0,
    recursionAvailable: (flags & 0x80) !== 0,
    authenticData: (flags & 0x20) !== 0,
    checkingDisabled: (flags & 0x10) !== 0,
    responseCode: (flags & 15) | (edns === undefined ? 0 : reader.extendedResponseCode << 4),
    questions,
    answers,
    authorities,
    additionals,
    ...(edns !== undefined && { edns }),
  };
}

/** Reads one message from front to back. After the first problem every read gives nothing and `malformed` says why. */
class DnsReader {
  malformed: Malformed | undefined;
  edns: DnsEdns | undefined;
  extendedResponseCode = 0;
  readonly #bytes: Uint8Array;
  /** Where the message begins: pointers count from here. */
  readonly #start: number;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#at = start + DNS_HEADER_LEN;
  }

  questions(count: number): DnsQuestion[] {
    const questions: DnsQuestion[] = [];
    for (let index = 0; index < count; index++) {
      const name = this.#name(this.#end);
      if (!this.#has(4)) break;
      const at = this.#at;
      this.#at += 4;
      questions.push({ name, type: readU16(this.#bytes, at), class: readU16(this.#bytes, at + 2) });
    }
    return questions;
  }

  /** An OPT record becomes {@link edns} instead. */
  records(count: number): DnsRecord[] {
    const records: DnsRecord[] = [];
    for (let index = 0; index < count; index++) {
      const name = this.#name(this.#end);
      if (!this.#has(10)) break;
      const at = this.#at;
      const type = readU16(this.#bytes, at);
      const dataEnd = at + 10 + readU16(this.#bytes, at + 8);
      if (dataEnd > this.#end) {
        this.#refuse('truncated');
        break;
      }
      if (type === DNS_TYPE_OPT) this.#opt(at, dataEnd);
      else {
        const head = { name, class: readU16(this.#bytes, at + 2), ttl: readU32(this.#bytes, at + 4) };
        this.#at = at + 10;
        records.push(this.#record(head, type, dataEnd));
      }
      this.#at = dataEnd;
    }
    return records;
  }

  #opt(at: number, dataEnd: number): void {
    if (this.edns !== undefined) this.#refuse('bad-option'); // RFC 6891 §6.1.1: at most one
    const bytes = this.#bytes;
    const options: { code: number; data: Uint8Array }[] = [];
    for (let option = at + 10; option < dataEnd; ) {
      const optionEnd = option + 4 + (option + 4 <= dataEnd ? readU16(bytes, option + 2) : 0);
      if (optionEnd > dataEnd) {
        this.#refuse('bad-option');
        return;
      }
      options.push({ code: readU16(bytes, option), data: copyBytes(bytes, option + 4, optionEnd) });
      option = optionEnd;
    }
    this.extendedResponseCode = bytes[at + 4];
    this.edns = {
      udpPayloadSize: readU16(bytes, at + 2),
      version: bytes[at + 5],
      dnssecOk: (bytes[at + 6] & 0x80) !== 0,
      options,
    };
  }

  /** The record's own part; data whose length is not right for the type stay uninterpreted. */
  #record(head: DnsRecordHead, type: number, end: number): DnsRecord {
    const start = this.#at;
    const known = this.#knownRecord(head, type, end);
    if (known !== undefined && this.#at === end) return known;
    return {
      name: head.name,
      class: head.class,
      ttl: head.ttl,
      kind: 'other',
      type,
      data: copyBytes(this.#bytes, start, end),
    };
  }

  #knownRecord(head: DnsRecordHead, type: number, end: number): DnsRecord | undefined {
    const bytes = this.#bytes;
    const at = this.#at;
    const length = end - at;
    switch (type) {
      case DNS_TYPE_A:
        this.#at += 4;
        return length === 4
          ? { name: head.name, class: head.class, ttl: head.ttl, kind: 'A', address: readU32(bytes, at) }
          : undefined;
      case DNS_TYPE_AAAA:
        this.#at += 16;
        return length === 16
          ? {
              name: head.name,
              class: head.class,
              ttl: head.ttl,
              kind: 'AAAA',
              address: readIpv6Address(bytes, at),
            }
          : undefined;
      case DNS_TYPE_CNAME:
      case DNS_TYPE_NS:
      case DNS_TYPE_PTR: {
        const kind = type === DNS_TYPE_CNAME ? 'CNAME' : type === DNS_TYPE_NS ? 'NS' : 'PTR';
        return { name: head.name, class: head.class, ttl: head.ttl, kind, target: this.#name(end) };
      }
      case DNS_TYPE_TXT:
        return {
          name: head.name,
          class: head.class,
          ttl: head.ttl,
          kind: 'TXT',
          strings: this.#strings(end),
        };
      case DNS_TYPE_SOA:
        return this.#soa(head, end);
      default:
        return this.#serviceRecord(head, type, end);
    }
  }

  /** Of the types that say by which host a service is given, and how much it is preferred. */
  #serviceRecord(head: DnsRecordHead, type: number, end: number): DnsRecord | undefined {
    const bytes = this.#bytes;
    const at = this.#at;
    const length = end - at;
    switch (type) {
      case DNS_TYPE_MX:
        this.#at += 2;
        return length < 3
          ? undefined
          : {
              name: head.name,
              class: head.class,
              ttl: head.ttl,
              kind: 'MX',
              preference: readU16(bytes, at),
              exchange: this.#name(end),
            };
      case DNS_TYPE_SRV:
        this.#at += 6;
        if (length < 7) return undefined;
        return {
          name: head.name,
          class: head.class,
          ttl: head.ttl,
          kind: 'SRV',
          priority: readU16(bytes, at),
          weight: readU16(bytes, at + 2),
          port: readU16(bytes, at + 4),
          target: this.#name(end),
        };
      case DNS_TYPE_HTTPS:
        this.#at += 2;
        if (length < 3) return undefined;
        return {
          name: head.name,
          class: head.class,
          ttl: head.ttl,
          kind: 'HTTPS',
          priority: readU16(bytes, at),
          target: this.#name(end),
          parameters: this.#parameters(end),
        };
      default:
        return undefined;
    }
  }

  #soa(head: DnsRecordHead, end: number): DnsRecord | undefined {
    const primary = this.#name(end);
    const mailbox = this.#name(end);
    const at = this.#at;
    if (end - at !== 20) return undefined;
    this.#at = end;
    const word = (index: number): number => readU32(this.#bytes, at + 4 * index);
    return {
      name: head.name,
      class: head.class,
      ttl: head.ttl,
      kind: 'SOA',
      primary,
      mailbox,
      serial: word(0),
      refresh: word(1),
      retry: word(2),
      expire: word(3),
      minimum: word(4),
    };
  }

  #strings(end: number): Uint8Array[] {
    const strings: Uint8Array[] = [];
    while (this.#at < end) {
      const from = this.#at + 1;
      this.#at = from + this.#bytes[this.#at];
      if (this.#at > end) break;
      strings.push(copyBytes(this.#bytes, from, this.#at));
    }
    return strings;
  }

  #parameters(end: number): DnsServiceParameter[] {
    const parameters: DnsServiceParameter[] = [];
    while (this.#at + 4 <= end) {
      const from = this.#at + 4;
      const key = readU16(this.#bytes, this.#at);
      this.#at = from + readU16(this.#bytes, this.#at + 2);
      if (this.#at > end) break;
      parameters.push({ key, value: copyBytes(this.#bytes, from, this.#at) });
    }
    return parameters;
  }

  /**
   * A name whose own bytes lie before `end`. Pointers lead strictly backwards (RFC 1035 §4.1.4 "prior
   * occurrence"), so they end; and soon, or a message of thousands of names behind one long chain takes seconds.
   */
  #name(end: number): string {
    let name = '';
    let length = 1;
    let at = this.#at;
    let limit = end;
    let jumps = 0;
    let before = at;
    for (;;) {
      if (this.malformed !== undefined) return '';
      const first = at < limit ? this.#bytes[at] : -1;
      if (first > 0 && first <= MAX_LABEL_LEN) {
        length += 1 + first;
        if (length > MAX_NAME_LEN || at + 1 + first > limit)
          this.#refuse(length > MAX_NAME_LEN ? 'bad-length' : 'truncated');
        else {
          const label = formatLabel(this.#bytes, at + 1, at + 1 + first);
          name = name === '' ? label : `${name}.${label}`;
          at += 1 + first;
        }
      } else if (first >= 0xc0 && at + 1 < limit) {
        const target = this.#start + (readU16(this.#bytes, at) & 0x3fff);
        if (jumps === 0) this.#at = at + 2;
        if (target >= before || target < this.#start + DNS_HEADER_LEN) this.#refuse('bad-value');
        if (++jumps > MAX_NAME_POINTERS) this.#refuse('too-deep');
        before = target;
        limit = this.#end;
        at = target;
      } else if (first === 0) {
        if (jumps === 0) this.#at = at + 1;
        return name;
      } else this.#refuse(first < 0 || first >= 0xc0 ? 'truncated' : 'bad-value');
    }
  }

  #has(count: number): boolean {
    if (this.malformed !== undefined) return false;
    if (this.#end - this.#at >= count) return true;
    this.#refuse('truncated');
    return false;
  }

  #refuse(why: Malformed): void {
    this.malformed ??= why;
  }
}
