import {
  DNS_NAME_ERROR,
  DNS_SERVER_FAILURE,
  DNS_TYPE_ANY,
  type DnsFields,
  type DnsQuestion,
  type DnsRecord,
  dnsTypeOf,
  encodeDns,
  parseDns,
} from '@orlop/wire';
import type { NameAnswer, NameSource } from './name-source.ts';
import { questionOf } from './question.ts';
import { encodeReply, type ReplyContent, soaOf } from './reply.ts';
import type { DnsQuery, DnsResolver } from './resolver.ts';
import { plainName } from './zone-record.ts';

/** A chain of aliases longer than this is a circle, which is an error (RFC 1034 §3.6.2): "server failure". */
const MAX_ALIASES = 8;

/**
 * Answers for the network's own names, follows their aliases wherever they lead, and passes all else on. What is said
 * of a chain of aliases is what is said of its last name (RFC 6604 §3).
 */
export class OwnNamesResolver implements DnsResolver {
  readonly #sources: readonly NameSource[];
  readonly #next: DnsResolver;

  /** @param sources the first that has a name answers for it */
  constructor(sources: readonly NameSource[], next: DnsResolver) {
    this.#sources = sources;
    this.#next = next;
  }

  async resolve(query: DnsQuery, options: { readonly signal: AbortSignal }): Promise<Uint8Array | undefined> {
    const asked = questionOf(query.message);
    if (asked === undefined) return this.#next.resolve(query, options);
    const { fields, question } = asked;
    const chain: DnsRecord[] = [];
    let name = plainName(question.name);
    for (let i = 0; i <= MAX_ALIASES; i++) {
      const answer = this.#answer(name);
      if (answer.kind === 'pass') {
        if (chain.length === 0) return this.#next.resolve(query, options);
        const rest = await this.#ask({ ...question, name }, { query, fields, signal: options.signal });
        return encodeReply(query, fields, { ...rest, answers: [...chain, ...rest.answers] });
      }
      const absence = { answers: chain, authorities: [soaOf(answer.zone)] };
      if (answer.kind === 'no-such-name')
        return encodeReply(query, fields, { ...absence, responseCode: DNS_NAME_ERROR });
      // RFC 1034 §4.2.1: a zone's own name has its SOA; who looks for the zone of a name asks for it.
      const isZone = name === plainName(answer.zone);
      const records = isZone ? [...answer.records, soaOf(answer.zone)] : answer.records;
      const matching = records.filter((record) => isAskedFor(record, question));
      const named = matching.map((record) =>
        chain.length === 0 ? { ...record, name: question.name } : record,
      );
      const alias = answer.records.find((record) => record.kind === 'CNAME');
      if (named.length > 0) return encodeReply(query, fields, { answers: [...chain, ...named] });
      if (alias?.kind !== 'CNAME') return encodeReply(query, fields, absence);
      chain.push(chain.length === 0 ? { ...alias, name: question.name } : alias);
      name = plainName(alias.target);
    }
    return encodeReply(query, fields, { answers: [], responseCode: DNS_SERVER_FAILURE });
  }

  #answer(name: string): NameAnswer {
    for (const source of this.#sources) {
      const answer = source.answer(name);
      if (answer.kind !== 'pass') return answer;
    }
    return { kind: 'pass' };
  }

  /** What somebody else says of an alias's target. */
  async #ask(
    question: DnsQuestion,
    { query, fields, signal }: { query: DnsQuery; fields: DnsFields; signal: AbortSignal },
  ): Promise<ReplyContent> {
    const message = encodeDns({ ...fields, questions: [question] });
    const answer = await this.#next.resolve({ ...query, message }, { signal });
    const parsed = answer === undefined ? 'truncated' : parseDns(answer, 0, answer.length);
    if (typeof parsed === 'string') return { answers: [], responseCode: DNS_SERVER_FAILURE };
    const { answers, responseCode, truncated } = parsed;
    // Of what else a server may say beside its answer nothing is asked for.
    const authorities = parsed.authorities.filter((record) => record.kind === 'SOA');
    return { answers, responseCode, authorities, truncated };
  }
}

function isAskedFor(record: DnsRecord, question: DnsQuestion): boolean {
  const type = dnsTypeOf(record);
  return question.type === type || question.type === DNS_TYPE_ANY;
}
