import { lookup } from 'node:dns/promises';
import { getSystemErrorName } from 'node:util';
import { IpAddress } from '@orlop/netstack';
import {
  DNS_CLASS_IN,
  DNS_NAME_ERROR,
  DNS_NO_ERROR,
  DNS_TYPE_A,
  DNS_TYPE_AAAA,
  type DnsRecord,
} from '@orlop/wire';
import { questionOf } from './question.ts';
import { encodeReply, soaOf } from './reply.ts';
import type { DnsQuery, DnsResolver } from './resolver.ts';
import { addressRecord, plainName } from './zone-record.ts';

/** getaddrinfo(3) tells no TTL: short enough that a VPN that comes up is seen soon. */
const TTL_SECONDS = 10;

const NO_SUCH_NAME: readonly IpAddress[] = [];

export type Lookup = (name: string) => Promise<readonly { readonly address: string }[]>;

/**
 * Asks the host itself, as its programs do (getaddrinfo): /etc/hosts, mDNS, VPNs and split DNS apply. Questions
 * other than for addresses go to the host's servers.
 */
export class HostResolver implements DnsResolver {
  readonly #next: DnsResolver;
  readonly #lookup: Lookup;

  constructor(next: DnsResolver, ask: Lookup = (name) => lookup(name, { all: true })) {
    this.#next = next;
    this.#lookup = ask;
  }

  async resolve(query: DnsQuery, options: { readonly signal: AbortSignal }): Promise<Uint8Array | undefined> {
    const asked = questionOf(query.message);
    if (asked === undefined || (asked.question.type !== DNS_TYPE_A && asked.question.type !== DNS_TYPE_AAAA))
      return this.#next.resolve(query, options);
    const { fields, question } = asked;
    const found = await this.#ask(question.name);
    if (found === undefined) return undefined;
    const head = { name: question.name, class: DNS_CLASS_IN, ttl: TTL_SECONDS };
    const version = question.type === DNS_TYPE_A ? 4 : 6;
    const answers: DnsRecord[] = found
      .filter((address) => address.version === version)
      .map((address) => addressRecord(head, address));
    return encodeReply(query, fields, {
      answers,
      responseCode: found === NO_SUCH_NAME ? DNS_NAME_ERROR : DNS_NO_ERROR,
      // Of whose zone it is getaddrinfo says nothing: it is below the name's parent in any case.
      authorities: answers.length > 0 ? [] : [soaOf(parentOf(plainName(question.name)))],
    });
  }

  /** Undefined when the host cannot say now. */
  async #ask(name: string): Promise<readonly IpAddress[] | undefined> {
    try {
      const found = await this.#lookup(name);
      return found.map(({ address }) => IpAddress.parse(address)).filter((one) => one !== undefined);
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'ENOTFOUND'
        ? absenceOf(error)
        : undefined;
    }
  }
}

/** Node has one code for a name that is not there and one that has other records than addresses. */
function absenceOf(error: Error): readonly IpAddress[] {
  const number = 'errno' in error && typeof error.errno === 'number' ? error.errno : 0;
  return number < 0 && getSystemErrorName(number) === 'EAI_NODATA' ? [] : NO_SUCH_NAME;
}

function parentOf(name: string): string {
  const dot = name.indexOf('.');
  return dot < 0 ? '' : name.slice(dot + 1);
}
