import { IpAddress } from '@orlop/netstack';
import {
  DNS_CLASS_IN,
  DNS_NAME_ERROR,
  DNS_TYPE_A,
  DNS_TYPE_AAAA,
  DNS_TYPE_ANY,
  DNS_TYPE_PTR,
  type DnsQuestion,
  type DnsRecord,
} from '@orlop/wire';
import { questionOf } from './question.ts';
import { encodeReply, type ReplyContent, soaOf } from './reply.ts';
import type { DnsQuery, DnsResolver } from './resolver.ts';
import { addressRecord } from './zone-record.ts';

export interface LocalNames {
  /** Addresses of a name in lower case without a final dot; undefined when the name is not ours. */
  lookup(name: string): readonly IpAddress[] | undefined;
  /** The name of an address of the segment. */
  reverse(address: string): string | undefined;
  /** The zone of a name that no other server is to be asked for: ours, whatever it is. Undefined for other names. */
  zoneOf(name: string): string | undefined;
}

/** Names of guests change when leases do. */
const TTL_SECONDS = 10;

/** Answers for the network's own names and passes all else on. */
export class LocalResolver implements DnsResolver {
  readonly #names: LocalNames;
  readonly #next: DnsResolver;

  constructor(names: LocalNames, next: DnsResolver) {
    this.#names = names;
    this.#next = next;
  }

  async resolve(query: DnsQuery, options: { readonly signal: AbortSignal }): Promise<Uint8Array | undefined> {
    const asked = questionOf(query.message);
    const content = asked === undefined ? undefined : this.#answer(asked.question);
    if (asked === undefined || content === undefined) return this.#next.resolve(query, options);
    return encodeReply(query, asked.fields, content);
  }

  #answer(question: DnsQuestion): ReplyContent | undefined {
    const name = question.name.toLowerCase();
    if (question.type === DNS_TYPE_PTR) {
      const target = this.#names.reverse(addressOfReverseName(name) ?? '');
      if (target === undefined) return undefined;
      const head = { name: question.name, class: DNS_CLASS_IN, ttl: TTL_SECONDS };
      return { answers: [{ ...head, kind: 'PTR', target }] };
    }
    const addresses = this.#names.lookup(name);
    const zone = this.#names.zoneOf(name);
    if (addresses === undefined && zone === undefined) return undefined;
    const answers = addresses?.flatMap((address) => recordsOf(question, address)) ?? [];
    return {
      answers,
      ...(addresses === undefined && { responseCode: DNS_NAME_ERROR }),
      ...(answers.length === 0 && { authorities: [soaOf(zone ?? name)] }),
    };
  }
}

function recordsOf(question: DnsQuestion, address: IpAddress): DnsRecord[] {
  const type = address.version === 4 ? DNS_TYPE_A : DNS_TYPE_AAAA;
  if (question.type !== type && question.type !== DNS_TYPE_ANY) return [];
  const head = { name: question.name, class: DNS_CLASS_IN, ttl: TTL_SECONDS };
  return [addressRecord(head, address)];
}

/** `4.3.2.1.in-addr.arpa` is 1.2.3.4 (RFC 1035 §3.5); the 32 digits of `ip6.arpa` likewise (RFC 3596 §2.5). */
export function addressOfReverseName(name: string): string | undefined {
  const four = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/.exec(name);
  if (four !== null) return `${four[4]}.${four[3]}.${four[2]}.${four[1]}`;
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  const groups = six?.split('.').reverse().join('').match(/.{4}/g);
  return groups === null || groups === undefined ? undefined : IpAddress.parse(groups.join(':'))?.toString();
}
