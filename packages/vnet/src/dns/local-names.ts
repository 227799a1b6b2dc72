import type { IpAddress } from '@orlop/netstack';
import {
  DNS_CLASS_IN,
  DNS_NAME_ERROR,
  DNS_NO_ERROR,
  DNS_TYPE_A,
  DNS_TYPE_AAAA,
  DNS_TYPE_ANY,
  DNS_TYPE_PTR,
  type DnsFields,
  type DnsQuestion,
  type DnsRecord,
  encodeDns,
  parseDns,
} from '@orlop/wire';
import type { DnsQuery, DnsResolver } from './resolver.ts';

export interface LocalNames {
  /** Addresses of a name in lower case without a final dot; undefined when the name is not ours. */
  lookup(name: string): readonly IpAddress[] | undefined;
  /** The name of an address of the segment. */
  reverse(address: string): string | undefined;
  /** Whether no other server is to be asked for names below this one: ours, whatever they are. */
  owns(name: string): boolean;
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
    const fields = parseDns(query.message, 0, query.message.length);
    const question = typeof fields === 'string' ? undefined : fields.questions[0];
    if (typeof fields === 'string' || question === undefined || question.class !== DNS_CLASS_IN) {
      return this.#next.resolve(query, options);
    }
    const answers = this.#answer(question);
    if (answers === undefined) return this.#next.resolve(query, options);
    return encodeDns(replyTo(fields, answers));
  }

  #answer(question: DnsQuestion): readonly DnsRecord[] | 'no-such-name' | undefined {
    const name = question.name.toLowerCase();
    if (question.type === DNS_TYPE_PTR) {
      const target = this.#names.reverse(addressOfReverseName(name) ?? '');
      if (target === undefined) return undefined;
      return [{ kind: 'PTR', name: question.name, class: DNS_CLASS_IN, ttl: TTL_SECONDS, target }];
    }
    const addresses = this.#names.lookup(name);
    if (addresses === undefined) return this.#names.owns(name) ? 'no-such-name' : undefined;
    return addresses.flatMap((address) => recordsOf(question, address));
  }
}

function recordsOf(question: DnsQuestion, address: IpAddress): DnsRecord[] {
  const type = address.version === 4 ? DNS_TYPE_A : DNS_TYPE_AAAA;
  if (question.type !== type && question.type !== DNS_TYPE_ANY) return [];
  const head = { name: question.name, class: DNS_CLASS_IN, ttl: TTL_SECONDS };
  if (address.version === 4) return [{ ...head, kind: 'A', address: address.w3 >>> 0 }];
  const { w0, w1, w2, w3 } = address;
  return [{ ...head, kind: 'AAAA', address: { a: w0 >>> 0, b: w1 >>> 0, c: w2 >>> 0, d: w3 >>> 0 } }];
}

function replyTo(query: DnsFields, answers: readonly DnsRecord[] | 'no-such-name'): DnsFields {
  const { edns: _, ...rest } = query;
  return {
    ...rest,
    response: true,
    authoritative: true,
    truncated: false,
    recursionAvailable: true,
    authenticData: false,
    responseCode: answers === 'no-such-name' ? DNS_NAME_ERROR : DNS_NO_ERROR,
    answers: answers === 'no-such-name' ? [] : answers,
    authorities: [],
    additionals: [],
  };
}

/** `4.3.2.1.in-addr.arpa` is 1.2.3.4. */
function addressOfReverseName(name: string): string | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/.exec(name);
  return match === null ? undefined : `${match[4]}.${match[3]}.${match[2]}.${match[1]}`;
}
