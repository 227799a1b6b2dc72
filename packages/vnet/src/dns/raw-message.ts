/** Walks DNS messages that are kept as they came, byte for byte (RFC 1035 §4.1). */
import { DNS_NAME_ERROR, readU16 } from '@orlop/wire';

const HEADER_LEN = 12;
const TYPE_OPT = 41;
const TYPE_SOA = 6;
const TYPE_ANY = 255;

export interface RawRecord {
  readonly type: number;
  readonly section: 'answer' | 'authority' | 'additional';
  /** Where its four bytes of TTL are. */
  readonly ttlOffset: number;
  readonly ttl: number;
  readonly dataOffset: number;
  readonly dataLength: number;
}

export interface RawMessage {
  /** The end of the first question; its bytes from 12 on are what was asked. */
  readonly questionEnd: number;
  /** Without OPT, whose TTL is none. */
  readonly records: readonly RawRecord[];
}

/** Undefined when the message is not whole. */
export function walkDnsMessage(bytes: Uint8Array): RawMessage | undefined {
  if (bytes.length < HEADER_LEN) return undefined;
  const counts = [4, 6, 8, 10].map((at) => readU16(bytes, at));
  const [questions = 0, answers = 0, authorities = 0] = counts;
  let at = HEADER_LEN;
  let questionEnd = at;
  for (let i = 0; i < questions; i++) {
    const end = skipName(bytes, at);
    if (end === undefined || end + 4 > bytes.length) return undefined;
    at = end + 4;
    if (i === 0) questionEnd = at;
  }
  const total = counts.slice(1).reduce((sum, count) => sum + count, 0);
  const records: RawRecord[] = [];
  for (let i = 0; i < total; i++) {
    const end = skipName(bytes, at);
    if (end === undefined || end + 10 > bytes.length) return undefined;
    const dataLength = readU16(bytes, end + 8);
    const dataOffset = end + 10;
    if (dataOffset + dataLength > bytes.length) return undefined;
    const type = readU16(bytes, end);
    const section = i < answers ? 'answer' : i < answers + authorities ? 'authority' : 'additional';
    const ttl = ((readU16(bytes, end + 4) << 16) | readU16(bytes, end + 6)) >>> 0;
    if (type !== TYPE_OPT) records.push({ type, section, ttlOffset: end + 4, ttl, dataOffset, dataLength });
    at = dataOffset + dataLength;
  }
  return { questionEnd, records };
}

/**
 * Whether it says that there is no such name or record, an alias that leads there or none before it (RFC 2308 §2.1, §2.2).
 */
export function isNegative(bytes: Uint8Array, { questionEnd, records }: RawMessage): boolean {
  if (((bytes[3] ?? 0) & 0x0f) === DNS_NAME_ERROR) return true;
  const asked = questionEnd > HEADER_LEN ? readU16(bytes, questionEnd - 4) : TYPE_ANY;
  return !records.some(({ section, type }) => section === 'answer' && (type === asked || asked === TYPE_ANY));
}

/**
 * How many seconds an answer may be kept: the least TTL of its answers, and what its SOA says of a name or type
 * that is not there (RFC 2308 §5). 0 = not at all.
 */
export function ttlOfMessage(bytes: Uint8Array, message: RawMessage): number {
  const answers = message.records.filter((record) => record.section === 'answer');
  const least = Math.min(...answers.map(({ ttl }) => (ttl >= 0x8000_0000 ? 0 : ttl)));
  if (!isNegative(bytes, message)) return least;
  const soa = message.records.find((record) => record.section === 'authority' && record.type === TYPE_SOA);
  if (soa === undefined) return 0;
  const minimumAt = soa.dataOffset + soa.dataLength - 4;
  const minimum = ((readU16(bytes, minimumAt) << 16) | readU16(bytes, minimumAt + 2)) >>> 0;
  return Math.min(least, soa.ttl, minimum);
}

export function writeTtl(bytes: Uint8Array, offset: number, ttl: number): void {
  for (let i = 0; i < 4; i++) bytes[offset + i] = (ttl >>> (24 - 8 * i)) & 0xff;
}

/** The question's bytes with the letters of its name in lower case: what two equal questions have in common. */
export function questionKey(bytes: Uint8Array, questionEnd: number): string {
  let key = '';
  for (let at = HEADER_LEN; at < questionEnd; at++) {
    const byte = bytes[at] ?? 0;
    // Type and class are never letters in a question that anybody asks: at most two names share a key by case.
    key += String.fromCharCode(byte >= 0x41 && byte <= 0x5a && at < questionEnd - 4 ? byte + 0x20 : byte);
  }
  return key;
}

function skipName(bytes: Uint8Array, from: number): number | undefined {
  for (let at = from; at < bytes.length; ) {
    const length = bytes[at] ?? 0;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += 1 + length;
  }
  return undefined;
}
