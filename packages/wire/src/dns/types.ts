import type { Ipv4Address } from '../address/ipv4.ts';
import type { Ipv6Address } from '../address/ipv6.ts';

/** Resource record types (RFC 1035 §3.2.2 and later); OPT, ANY and others only where said. */
export const DNS_TYPE_A = 1;
export const DNS_TYPE_NS = 2;
export const DNS_TYPE_CNAME = 5;
export const DNS_TYPE_SOA = 6;
export const DNS_TYPE_PTR = 12;
export const DNS_TYPE_MX = 15;
export const DNS_TYPE_TXT = 16;
export const DNS_TYPE_AAAA = 28;
export const DNS_TYPE_SRV = 33;
/** EDNS's pseudo record (RFC 6891). */
export const DNS_TYPE_OPT = 41;
export const DNS_TYPE_HTTPS = 65;
/** Only in questions. */
export const DNS_TYPE_ANY = 255;

export const DNS_CLASS_IN = 1;

/** RFC 1035 §4.1.1. */
export const DNS_NO_ERROR = 0;
export const DNS_SERVER_FAILURE = 2;
export const DNS_NAME_ERROR = 3;
/** RFC 6891 §9; in the extended response code. */
export const DNS_BAD_VERSION = 16;

/** Names are in the text form of plain-name.ts: no dot at the end, case as received. */
export interface DnsQuestion {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

/** What every record has. */
export interface DnsRecordHead {
  readonly name: string;
  readonly class: number;
  /** Seconds. */
  readonly ttl: number;
}

/** A parameter of an HTTPS record (RFC 9460 §2.2); `value` as on the wire. */
export interface DnsServiceParameter {
  readonly key: number;
  readonly value: Uint8Array;
}

export type DnsRecord = DnsRecordHead &
  (
    | { readonly kind: 'A'; readonly address: Ipv4Address }
    | { readonly kind: 'AAAA'; readonly address: Ipv6Address }
    | { readonly kind: 'CNAME' | 'NS' | 'PTR'; readonly target: string }
    /** Each at most 255 bytes. */
    | { readonly kind: 'TXT'; readonly strings: readonly Uint8Array[] }
    | { readonly kind: 'MX'; readonly preference: number; readonly exchange: string }
    | {
        readonly kind: 'SRV';
        readonly priority: number;
        readonly weight: number;
        readonly port: number;
        readonly target: string;
      }
    | {
        readonly kind: 'SOA';
        readonly primary: string;
        readonly mailbox: string;
        readonly serial: number;
        readonly refresh: number;
        readonly retry: number;
        readonly expire: number;
        readonly minimum: number;
      }
    | {
        readonly kind: 'HTTPS';
        readonly priority: number;
        readonly target: string;
        readonly parameters: readonly DnsServiceParameter[];
      }
    /** Another type, or data that do not fit their type (RFC 3597). */
    | { readonly kind: 'other'; readonly type: number; readonly data: Uint8Array }
  );

/** EDNS (RFC 6891): what the OPT record says; the extended response code is part of `responseCode`. */
export interface DnsEdns {
  readonly udpPayloadSize: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  readonly options: readonly { readonly code: number; readonly data: Uint8Array }[];
}

export interface DnsFields {
  readonly id: number;
  readonly response: boolean;
  /** 0 is a standard query. */
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  /** RFC 4035 §3.2.3. */
  readonly authenticData: boolean;
  /** RFC 4035 §3.2.2. */
  readonly checkingDisabled: boolean;
  /** 4 bits, 12 with EDNS. */
  readonly responseCode: number;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  /** Without the OPT record. */
  readonly additionals: readonly DnsRecord[];
  readonly edns?: DnsEdns;
}

/** The number of a record's type. */
export function dnsTypeOf(record: DnsRecord): number {
  return record.kind === 'other' ? record.type : TYPES[record.kind];
}

const TYPES = {
  A: DNS_TYPE_A,
  AAAA: DNS_TYPE_AAAA,
  CNAME: DNS_TYPE_CNAME,
  NS: DNS_TYPE_NS,
  PTR: DNS_TYPE_PTR,
  TXT: DNS_TYPE_TXT,
  MX: DNS_TYPE_MX,
  SRV: DNS_TYPE_SRV,
  SOA: DNS_TYPE_SOA,
  HTTPS: DNS_TYPE_HTTPS,
} as const;

/** `A`, `AAAA` …, or `TYPE123` (RFC 3597 §5). */
export function formatDnsType(type: number): string {
  if (type === DNS_TYPE_ANY) return 'ANY';
  if (type === DNS_TYPE_OPT) return 'OPT';
  return Object.entries(TYPES).find(([, number]) => number === type)?.[0] ?? `TYPE${type}`;
}
