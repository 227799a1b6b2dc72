import { assert } from '@orlop/core';
import { writeIpv6Address } from '../address/ipv6.ts';
import { writeU16, writeU32 } from '../network-order.ts';
import { MAX_NAME_LEN, parseLabels } from './plain-name.ts';
import {
  DNS_TYPE_OPT,
  type DnsEdns,
  type DnsFields,
  type DnsQuestion,
  type DnsRecord,
  dnsTypeOf,
} from './types.ts';

/** The largest a message can be: the length before it over TCP has 16 bits (RFC 1035 §4.2.2). */
export const DNS_MAX_LEN = 65_535;
/** Nearly every message fits: this is tried before a buffer of the full length is made. */
const USUAL_LEN = 512;
/** A pointer has 14 bits. */
const MAX_POINTER = 0x3fff;

export interface EncodeDnsOptions {
  /** Beyond it, records are left out and `truncated` is set. @default DNS_MAX_LEN */
  readonly maxLength?: number;
}

/**
 * Writes the message with compressed names and returns its end, or undefined if `into` is too short (its
 * content from `offset` on is then undefined). Names must be ones that `isDnsName` accepts.
 */
export function emitDns(fields: DnsFields, into: Uint8Array, offset: number): number | undefined {
  const writer = new DnsWriter(into, offset);
  writer.u16(fields.id);
  writer.u16(flagsOf(fields));
  writer.u16(fields.questions.length);
  writer.u16(fields.answers.length);
  writer.u16(fields.authorities.length);
  writer.u16(fields.additionals.length + (fields.edns === undefined ? 0 : 1));
  for (const question of fields.questions) writer.question(question);
  for (const section of [fields.answers, fields.authorities, fields.additionals]) {
    for (const record of section) {
      writer.record(record);
      if (writer.isFull) return undefined;
    }
  }
  if (fields.edns !== undefined) writer.opt(fields.edns, fields.responseCode);
  return writer.isFull ? undefined : writer.at;
}

/**
 * The message in a buffer of its own. What does not fit goes: first additional records, then, with the
 * truncation flag set (RFC 2181 §9), authorities and answers from the end.
 */
export function encodeDns(fields: DnsFields, options: EncodeDnsOptions = {}): Uint8Array {
  const maxLength = options.maxLength ?? DNS_MAX_LEN;
  const short = new Uint8Array(Math.min(maxLength, USUAL_LEN));
  const usual = emitDns(fields, short, 0);
  if (usual !== undefined) return short.subarray(0, usual);
  const into = new Uint8Array(maxLength);
  const whole = emitDns(fields, into, 0) ?? emitDns({ ...fields, additionals: [] }, into, 0);
  if (whole !== undefined) return into.slice(0, whole);
  const shorter = { ...fields, truncated: true, authorities: [], additionals: [] };
  let [fitting, tooMany] = [0, fields.answers.length + 1];
  while (tooMany - fitting > 1) {
    const middle = (fitting + tooMany) >>> 1;
    const end = emitDns({ ...shorter, answers: fields.answers.slice(0, middle) }, into, 0);
    if (end === undefined) tooMany = middle;
    else fitting = middle;
  }
  const end = emitDns({ ...shorter, answers: fields.answers.slice(0, fitting) }, into, 0);
  assert(end !== undefined, `a DNS question does not fit ${into.length} bytes`);
  return into.slice(0, end);
}

/** Whether a text can go into a message as a name: labels of 1 to 63 bytes, 255 in all. */
export function isDnsName(name: string): boolean {
  const labels = parseLabels(name);
  return (
    labels !== undefined && labels.reduce((length, label) => length + 1 + label.length, 1) <= MAX_NAME_LEN
  );
}

function flagsOf(fields: DnsFields): number {
  return (
    (fields.response ? 0x8000 : 0) |
    (fields.opcode << 11) |
    (fields.authoritative ? 0x400 : 0) |
    (fields.truncated ? 0x200 : 0) |
    (fields.recursionDesired ? 0x100 : 0) |
    (fields.recursionAvailable ? 0x80 : 0) |
    (fields.authenticData ? 0x20 : 0) |
    (fields.checkingDisabled ? 0x10 : 0) |
    (fields.responseCode & 15)
  );
}

/** Writes one message from front to back. Writes beyond the buffer are dropped, and then it `isFull`. */
class DnsWriter {
  at: number;
  readonly #into: Uint8Array;
  readonly #start: number;
  /** Where a name that was written stands, by its labels from there on. */
  readonly #places = new Map<string, number>();

  constructor(into: Uint8Array, start: number) {
    this.#into = into;
    this.#start = start;
    this.at = start;
  }

  get isFull(): boolean {
    return this.at > this.#into.length;
  }

  question(question: DnsQuestion): void {
    this.name(question.name, true);
    this.u16(question.type);
    this.u16(question.class);
  }

  record(record: DnsRecord): void {
    this.name(record.name, true);
    this.u16(dnsTypeOf(record));
    this.u16(record.class);
    this.u32(record.ttl);
    const lengthAt = this.at;
    this.u16(0);
    this.#data(record);
    writeU16(this.#into, lengthAt, this.at - lengthAt - 2);
  }

  opt(edns: DnsEdns, responseCode: number): void {
    this.u8(0);
    this.u16(DNS_TYPE_OPT);
    this.u16(edns.udpPayloadSize);
    this.u8(responseCode >>> 4);
    this.u8(edns.version);
    this.u16(edns.dnssecOk ? 0x8000 : 0);
    this.u16(edns.options.reduce((length, option) => length + 4 + option.data.length, 0));
    for (const option of edns.options) {
      this.u16(option.code);
      this.u16(option.data.length);
      this.bytes(option.data);
    }
  }

  /** Names in the data of types younger than RFC 1035 are not compressed (RFC 3597 §4). */
  #data(record: DnsRecord): void {
    switch (record.kind) {
      case 'A':
        this.u32(record.address);
        return;
      case 'AAAA':
        if (this.at + 16 <= this.#into.length) writeIpv6Address(record.address, this.#into, this.at);
        this.at += 16;
        return;
      case 'CNAME':
      case 'NS':
      case 'PTR':
        this.name(record.target, true);
        return;
      case 'TXT':
        for (const string of record.strings) {
          this.u8(string.length);
          this.bytes(string);
        }
        return;
      case 'MX':
        this.u16(record.preference);
        this.name(record.exchange, true);
        return;
      case 'SRV':
        this.u16(record.priority);
        this.u16(record.weight);
        this.u16(record.port);
        this.name(record.target, false);
        return;
      case 'SOA':
        this.name(record.primary, true);
        this.name(record.mailbox, true);
        for (const word of [record.serial, record.refresh, record.retry, record.expire, record.minimum]) {
          this.u32(word);
        }
        return;
      case 'HTTPS':
        this.u16(record.priority);
        this.name(record.target, false);
        for (const { key, value } of record.parameters) {
          this.u16(key);
          this.u16(value.length);
          this.bytes(value);
        }
        return;
      case 'other':
        this.bytes(record.data);
        return;
    }
  }

  name(name: string, compressed: boolean): void {
    const labels = parseLabels(name);
    assert(labels !== undefined, `"${name}" is no DNS name`);
    for (let index = 0; index < labels.length; index++) {
      const rest = keyOf(labels, index);
      const place = this.#places.get(rest);
      if (compressed && place !== undefined) {
        this.u16(0xc000 | place);
        return;
      }
      const here = this.at - this.#start;
      // A name written whole becomes the one to point to, as BIND does it.
      if (here <= MAX_POINTER) this.#places.set(rest, here);
      this.u8(labels[index].length);
      for (const byte of labels[index]) this.u8(byte);
    }
    this.u8(0);
  }

  u8(value: number): void {
    this.#into[this.at++] = value;
  }

  u16(value: number): void {
    writeU16(this.#into, this.at, value);
    this.at += 2;
  }

  u32(value: number): void {
    writeU32(this.#into, this.at, value);
    this.at += 4;
  }

  bytes(bytes: Uint8Array): void {
    if (this.at + bytes.length <= this.#into.length) this.#into.set(bytes, this.at);
    this.at += bytes.length;
  }
}

/** Names are alike whatever their case (RFC 4343), yet a pointer must not change it: only the same bytes are shared. */
function keyOf(labels: readonly (readonly number[])[], from: number): string {
  let key = '';
  for (let index = from; index < labels.length; index++) {
    key += String.fromCharCode(labels[index].length, ...labels[index]);
  }
  return key;
}
