import { IpAddress } from '@orlop/netstack';
import { parseDns } from '@orlop/wire';
import type { DnsQuery, DnsResolver } from './resolver.ts';
import { plainName } from './zone-record.ts';

/** Addresses whose names are remembered; the oldest goes beyond. */
const MAX_ADDRESSES = 8192;
const MAX_NAMES = 8;

/** Remembers by which names guests found addresses: for tables of flows, and for rules that name names. */
export class LearnedNames implements DnsResolver {
  readonly #next: DnsResolver;
  /** In order of the last answer. */
  readonly #names = new Map<string, readonly string[]>();

  constructor(next: DnsResolver) {
    this.#next = next;
  }

  /** The latest first. */
  namesOf(address: IpAddress): readonly string[] {
    return this.#names.get(address.toString()) ?? [];
  }

  async resolve(query: DnsQuery, options: { readonly signal: AbortSignal }): Promise<Uint8Array | undefined> {
    const answer = await this.#next.resolve(query, options);
    if (answer !== undefined) this.#learn(answer);
    return answer;
  }

  #learn(answer: Uint8Array): void {
    const fields = parseDns(answer, 0, answer.length);
    if (typeof fields === 'string') return;
    const asked = fields.questions[0]?.name;
    if (asked === undefined) return;
    for (const record of fields.answers) {
      if (record.kind === 'A') this.#note(IpAddress.v4(record.address), plainName(asked));
      if (record.kind === 'AAAA') this.#note(IpAddress.fromIpv6(record.address), plainName(asked));
    }
  }

  #note(address: IpAddress, name: string): void {
    const key = address.toString();
    const known = this.#names.get(key) ?? [];
    this.#names.delete(key);
    this.#names.set(key, [name, ...known.filter((one) => one !== name)].slice(0, MAX_NAMES));
    const oldest = this.#names.keys().next().value;
    if (this.#names.size > MAX_ADDRESSES && oldest !== undefined) this.#names.delete(oldest);
  }
}
