import { DNS_NAME_ERROR, DNS_NO_ERROR, type DnsFields, parseDns } from '@orlop/wire';
import {
  isNegative,
  questionKey,
  type RawMessage,
  ttlOfMessage,
  walkDnsMessage,
  writeTtl,
} from './raw-message.ts';
import { maxAnswerLength, truncatedReply } from './reply.ts';
import type { DnsQuery, DnsResolver } from './resolver.ts';

export interface CachingResolverOptions {
  readonly next: DnsResolver;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Answers kept; the one unused for longest goes beyond. @default 10000 */
  readonly maxEntries?: number;
  /** @default 86400 */
  readonly maxTtlSeconds?: number;
  /** For "no such name" and "no such record". @default 300 */
  readonly maxNegativeTtlSeconds?: number;
  /** For how long it is known that nobody answered (RFC 9520 §3.2). @default 5 */
  readonly failureSeconds?: number;
}

export interface CacheCounters {
  hits: number;
  misses: number;
  /** Asked while the same question was under way: one question upstream for all. */
  joined: number;
  evicted: number;
}

interface Entry {
  readonly bytes: Uint8Array;
  readonly message: RawMessage;
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
}

const RECURSION_DESIRED = 0x01;
const CHECKING_DISABLED = 0x10;
const TRUNCATED = 0x02;

/**
 * Keeps answers as they came, byte for byte, for as long as their records live; TTLs count down while they wait.
 *
 * Invariant: at most `maxEntries` answers are kept, and as many failures.
 */
export class CachingResolver implements DnsResolver {
  readonly counters: CacheCounters = { hits: 0, misses: 0, joined: 0, evicted: 0 };
  readonly #options: CachingResolverOptions;
  /** In order of last use. */
  readonly #entries = new Map<string, Entry>();
  /** Questions that nobody answered, and until when they are not asked again, in order of time. */
  readonly #failures = new Map<string, number>();
  readonly #pending = new Map<string, Promise<Uint8Array | undefined>>();

  constructor(options: CachingResolverOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Forgets all: the host has other servers now. */
  clear(): void {
    this.#entries.clear();
    this.#failures.clear();
  }

  async resolve(query: DnsQuery, options: { readonly signal: AbortSignal }): Promise<Uint8Array | undefined> {
    const fields = parseDns(query.message, 0, query.message.length);
    const walked = walkDnsMessage(query.message);
    const plain = typeof fields !== 'string' && fields.questions.length === 1 && fields.opcode === 0;
    if (!plain || walked === undefined) return this.#options.next.resolve(query, options);
    const key = keyOf(query.message, walked, fields.edns);
    const entry = this.#take(key);
    if (entry !== undefined) {
      this.counters.hits++;
      return withinLimit(this.#revive(entry, query.message, walked.questionEnd), query, fields);
    }
    // A truncated answer is no use to one who asks by TCP.
    const flight = `${query.transport}${key}`;
    const known = this.#pending.get(flight);
    if (known !== undefined) {
      this.counters.joined++;
      const answer = await known;
      if (answer === undefined) return undefined;
      return withinLimit(readdress(answer, query.message, walked.questionEnd), query, fields);
    }
    if ((this.#failures.get(flight) ?? 0) > this.#options.now()) {
      this.counters.hits++;
      return undefined;
    }
    this.counters.misses++;
    const asked = this.#options.next.resolve(query, options);
    this.#pending.set(flight, asked);
    try {
      const answer = await asked;
      if (answer !== undefined) this.#store(key, answer, walked.questionEnd);
      else if (!options.signal.aborted) this.#noteFailure(flight);
      return answer;
    } finally {
      this.#pending.delete(flight);
    }
  }

  #noteFailure(flight: string): void {
    this.#failures.delete(flight);
    this.#failures.set(flight, this.#options.now() + (this.#options.failureSeconds ?? 5) * 1000);
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > (this.#options.maxEntries ?? 10_000) && oldest !== undefined)
      this.#failures.delete(oldest);
  }

  #take(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.expiresAtMs <= this.#options.now()) return undefined;
    this.#entries.set(key, entry);
    return entry;
  }

  #store(key: string, bytes: Uint8Array, questionEnd: number): void {
    const code = (bytes[3] ?? 0) & 0x0f;
    if (((bytes[2] ?? 0) & TRUNCATED) !== 0 || (code !== DNS_NO_ERROR && code !== DNS_NAME_ERROR)) return;
    const message = walkDnsMessage(bytes);
    if (message?.questionEnd !== questionEnd) return;
    const most = isNegative(bytes, message)
      ? (this.#options.maxNegativeTtlSeconds ?? 300)
      : (this.#options.maxTtlSeconds ?? 86_400);
    const ttl = Math.min(ttlOfMessage(bytes, message), most);
    if (ttl <= 0) return;
    const storedAtMs = this.#options.now();
    this.#entries.set(key, { bytes, message, storedAtMs, expiresAtMs: storedAtMs + ttl * 1000 });
    const oldest = this.#entries.keys().next().value;
    if (this.#entries.size > (this.#options.maxEntries ?? 10_000) && oldest !== undefined) {
      this.#entries.delete(oldest);
      this.counters.evicted++;
    }
  }

  #revive(entry: Entry, query: Uint8Array, questionEnd: number): Uint8Array {
    const bytes = readdress(entry.bytes, query, questionEnd);
    const seconds = Math.floor((this.#options.now() - entry.storedAtMs) / 1000);
    for (const { ttlOffset, ttl } of entry.message.records) {
      writeTtl(bytes, ttlOffset, Math.max(0, ttl - seconds));
    }
    return bytes;
  }
}

/** The answer with the identifier and, where it repeats the question, the spelling of another asker. */
function readdress(answer: Uint8Array, query: Uint8Array, questionEnd: number): Uint8Array {
  const bytes = Uint8Array.from(answer);
  bytes.set(query.subarray(0, 2), 0);
  if (walkDnsMessage(bytes)?.questionEnd === questionEnd) bytes.set(query.subarray(12, questionEnd), 12);
  return bytes;
}

/** What the asker takes of it; others had the same question and another limit. */
function withinLimit(answer: Uint8Array, query: DnsQuery, fields: DnsFields): Uint8Array {
  return answer.length <= maxAnswerLength(query, fields) ? answer : truncatedReply(query, fields);
}

/** What an answer depends on beside the question: flags, and whether EDNS and its DO bit were there. */
function keyOf(
  query: Uint8Array,
  { questionEnd }: RawMessage,
  edns: { readonly dnssecOk: boolean } | undefined,
): string {
  const flags = ((query[2] ?? 0) & RECURSION_DESIRED) | ((query[3] ?? 0) & CHECKING_DISABLED);
  const extension = edns === undefined ? 0 : edns.dnssecOk ? 2 : 1;
  return `${flags}${extension}${questionKey(query, questionEnd)}`;
}
