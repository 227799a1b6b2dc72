import {
  DNS_BAD_VERSION,
  DNS_CLASS_IN,
  DNS_MIN_UDP_LEN,
  DNS_NO_ERROR,
  type DnsFields,
  type DnsRecord,
  encodeDns,
} from '@orlop/wire';
import type { DnsQuery } from './resolver.ts';

/** What we take over UDP; larger answers come again by TCP. 1232 fits every path (DNS flag day 2020). */
export const OWN_UDP_PAYLOAD = 1232;
const MAX_UDP_PAYLOAD = 4096;
const EDNS_VERSION = 0;
/** How long "there is no such name" holds for names whose owner is this network. */
const NEGATIVE_TTL_SECONDS = 5;

export interface ReplyContent {
  readonly answers: readonly DnsRecord[];
  /** @default DNS_NO_ERROR */
  readonly responseCode?: number;
  /** Where what was asked for is not there: the SOA that says for how long (RFC 2308 §3). @default none */
  readonly authorities?: readonly DnsRecord[];
  /** There are more answers than these. @default false */
  readonly truncated?: boolean;
}

const NOTHING: ReplyContent = { answers: [] };

/** An authoritative answer to `fields`, as long as the guest's transport takes it. */
export function encodeReply(query: DnsQuery, fields: DnsFields, content: ReplyContent): Uint8Array {
  // RFC 6891 §6.1.3: a version that is not ours is told so, and ours with it.
  const isVersionOurs = (fields.edns?.version ?? EDNS_VERSION) === EDNS_VERSION;
  const {
    answers,
    responseCode = DNS_NO_ERROR,
    authorities = [],
    truncated = false,
  } = isVersionOurs ? content : NOTHING;
  const reply: DnsFields = {
    ...fields,
    response: true,
    authoritative: true,
    truncated,
    recursionAvailable: true,
    authenticData: false,
    responseCode: isVersionOurs ? responseCode : DNS_BAD_VERSION,
    answers,
    authorities,
    additionals: [],
    ...(fields.edns !== undefined && {
      edns: { udpPayloadSize: OWN_UDP_PAYLOAD, version: EDNS_VERSION, dnssecOk: false, options: [] },
    }),
  };
  return encodeDns(reply, { maxLength: maxAnswerLength(query, fields) });
}

/** What the guest takes: RFC 6891 §6.2.3 and §6.2.5. */
export function maxAnswerLength(query: Pick<DnsQuery, 'transport'>, fields: DnsFields): number {
  if (query.transport === 'tcp') return 0xffff;
  const asked = fields.edns?.udpPayloadSize ?? DNS_MIN_UDP_LEN;
  return Math.min(Math.max(asked, DNS_MIN_UDP_LEN), MAX_UDP_PAYLOAD);
}

/** The answer without records and with the truncation flag: the guest asks again by TCP. */
export function truncatedReply(query: DnsQuery, fields: DnsFields): Uint8Array {
  const { edns: _, ...rest } = fields;
  return encodeDns(
    {
      ...rest,
      response: true,
      truncated: true,
      recursionAvailable: true,
      responseCode: DNS_NO_ERROR,
      answers: [],
      authorities: [],
      additionals: [],
    },
    { maxLength: maxAnswerLength(query, fields) },
  );
}

/** What a zone of ours says beside an answer without what was asked for: for how long that holds (RFC 2308 §3). */
export function soaOf(zone: string): DnsRecord {
  return {
    kind: 'SOA',
    name: zone,
    class: DNS_CLASS_IN,
    ttl: NEGATIVE_TTL_SECONDS,
    primary: zone,
    mailbox: 'nobody.invalid', // RFC 2606 §2
    serial: 1,
    refresh: 3600,
    retry: 600,
    expire: 86_400,
    minimum: NEGATIVE_TTL_SECONDS,
  };
}
