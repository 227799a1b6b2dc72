import {
  DNS_TYPE_ANY,
  type DnsFields,
  type DnsQuestion,
  type DnsRecord,
  dnsTypeOf,
  encodeDns,
  parseDns,
} from '@orlop/wire';
import { questionOf } from './question.ts';
import { encodeReply } from './reply.ts';
import type { DnsQuery, DnsResolver } from './resolver.ts';
import { plainName } from './zone-record.ts';
import type { ZoneTable } from './zone-table.ts';

/** A chain of aliases longer than this is a circle. */
const MAX_ALIASES = 8;

/** Answers for the network's zones, follows their aliases wherever they lead, and passes all else on. */
export class ZoneResolver implements DnsResolver {
  readonly #zones: ZoneTable;
  readonly #next: DnsResolver;

  constructor(zones: ZoneTable, next: DnsResolver) {
    this.#zones = zones;
    this.#next = next;
  }

  async resolve(query: DnsQuery, options: { readonly signal: AbortSignal }): Promise<Uint8Array | undefined> {
    const asked = questionOf(query.message);
    if (asked === undefined) return this.#next.resolve(query, options);
    const { fields, question } = asked;
    const chain: DnsRecord[] = [];
    let name = plainName(question.name);
    for (let i = 0; i < MAX_ALIASES; i++) {
      const answer = this.#zones.answer(name);
      if (answer.kind === 'pass') {
        if (chain.length === 0) return this.#next.resolve(query, options);
        const rest = await this.#ask({ ...question, name }, { query, fields, signal: options.signal });
        return encodeReply(query, fields, { answers: [...chain, ...rest] });
      }
      const zone = this.#zoneOf(name);
      if (answer.kind === 'no-such-name') {
        return encodeReply(query, fields, { answers: chain, noSuchName: true, ...zone });
      }
      const matching = answer.records.filter((record) => isAskedFor(record, question));
      const named = matching.map((record) =>
        chain.length === 0 ? { ...record, name: question.name } : record,
      );
      const alias = answer.records.find((record) => record.kind === 'CNAME');
      if (named.length > 0 || alias?.kind !== 'CNAME') {
        return encodeReply(query, fields, { answers: [...chain, ...named], ...zone });
      }
      chain.push(chain.length === 0 ? { ...alias, name: question.name } : alias);
      name = plainName(alias.target);
    }
    return encodeReply(query, fields, { answers: chain });
  }

  /** The records that somebody else has for an alias's target. */
  async #ask(
    question: DnsQuestion,
    { query, fields, signal }: { query: DnsQuery; fields: DnsFields; signal: AbortSignal },
  ): Promise<readonly DnsRecord[]> {
    const message = encodeDns({ ...fields, questions: [question] });
    const answer = await this.#next.resolve({ ...query, message }, { signal });
    const parsed = answer === undefined ? 'truncated' : parseDns(answer, 0, answer.length);
    return typeof parsed === 'string' ? [] : parsed.answers;
  }

  #zoneOf(name: string): { readonly zone?: string } {
    const zone = this.#zones.list().find((one) => {
      const plain = plainName(one.name);
      return name === plain || name.endsWith(`.${plain}`);
    });
    return zone === undefined ? {} : { zone: plainName(zone.name) };
  }
}

function isAskedFor(record: DnsRecord, question: DnsQuestion): boolean {
  const type = dnsTypeOf(record);
  return question.type === type || question.type === DNS_TYPE_ANY;
}
