import type { DnsRecord } from '@orlop/wire';

/**
 * What a source has for a name, whatever type of record was asked for. `zone` is the one that says so: its SOA goes
 * with what is not there.
 */
export type NameAnswer =
  | { readonly kind: 'records'; readonly records: readonly DnsRecord[]; readonly zone: string }
  | { readonly kind: 'no-such-name'; readonly zone: string }
  /** Not this source's matter. */
  | { readonly kind: 'pass' };

/** Names that this network answers for itself. */
export interface NameSource {
  /** All records of a name in lower case without a final dot; the caller picks those of the type that was asked for. */
  answer(name: string): NameAnswer;
}
