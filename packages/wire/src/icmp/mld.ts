import { IPV6_LEN, type Ipv6Address, readIpv6Address, writeIpv6Address } from '../address/ipv6.ts';
import { copyBytes } from '../copy-bytes.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, writeU16 } from '../network-order.ts';

/** The kinds of a multicast address record, by their number less one (RFC 3810 §5.2.12). */
const RECORD_KINDS = ['is-include', 'is-exclude', 'to-include', 'to-exclude', 'allow', 'block'] as const;
const RECORD_HEADER_LEN = 20;

/** One group of an MLDv2 report. */
export interface MldRecord {
  readonly kind: (typeof RECORD_KINDS)[number];
  readonly group: Ipv6Address;
  readonly sources: readonly Ipv6Address[];
  readonly auxiliaryData: Uint8Array;
}

/** What an MLDv2 query has beyond MLDv1 (RFC 3810 §5.1). */
export interface MldV2Query {
  readonly suppressRouterProcessing: boolean;
  readonly robustness: number;
  /** The code as sent, seconds below 128. */
  readonly intervalCode: number;
  readonly sources: readonly Ipv6Address[];
}

/** The `count` records in `[offset, end)`. */
export function parseMldRecords(
  bytes: Uint8Array,
  offset: number,
  of: { readonly count: number; readonly end: number },
): { readonly records: readonly MldRecord[]; readonly end: number } | Malformed {
  const records: MldRecord[] = [];
  let at = offset;
  for (let index = 0; index < of.count; index++) {
    if (of.end - at < RECORD_HEADER_LEN) return 'truncated';
    const kind = RECORD_KINDS[bytes[at] - 1];
    if (kind === undefined) return 'bad-value';
    const sourceCount = readU16(bytes, at + 2);
    const sourcesEnd = at + RECORD_HEADER_LEN + IPV6_LEN * sourceCount;
    const recordEnd = sourcesEnd + 4 * bytes[at + 1];
    if (recordEnd > of.end) return 'truncated';
    records.push({
      kind,
      group: readIpv6Address(bytes, at + 4),
      sources: readSources(bytes, at + RECORD_HEADER_LEN, sourcesEnd),
      auxiliaryData: copyBytes(bytes, sourcesEnd, recordEnd),
    });
    at = recordEnd;
  }
  return { records, end: at };
}

/** Bytes that {@link emitMldRecords} writes. */
export function mldRecordsLength(records: readonly MldRecord[]): number {
  return records.reduce(
    (length, record) =>
      length + RECORD_HEADER_LEN + IPV6_LEN * record.sources.length + record.auxiliaryData.length,
    0,
  );
}

/** Writes the records and returns their end. */
export function emitMldRecords(records: readonly MldRecord[], into: Uint8Array, offset: number): number {
  let at = offset;
  for (const record of records) {
    into[at] = RECORD_KINDS.indexOf(record.kind) + 1;
    into[at + 1] = record.auxiliaryData.length / 4;
    writeU16(into, at + 2, record.sources.length);
    writeIpv6Address(record.group, into, at + 4);
    at = emitSources(record.sources, into, at + RECORD_HEADER_LEN);
    into.set(record.auxiliaryData, at);
    at += record.auxiliaryData.length;
  }
  return at;
}

/** The part of a query that begins after the group, if it is of version 2. */
export function parseMldV2Query(bytes: Uint8Array, offset: number, end: number): MldV2Query | Malformed {
  if (end - offset < 4) return 'truncated';
  const sourcesEnd = offset + 4 + IPV6_LEN * readU16(bytes, offset + 2);
  if (sourcesEnd > end) return 'truncated';
  return {
    suppressRouterProcessing: (bytes[offset] & 8) !== 0,
    robustness: bytes[offset] & 7,
    intervalCode: bytes[offset + 1],
    sources: readSources(bytes, offset + 4, sourcesEnd),
  };
}

/** Writes that part and returns its end. */
export function emitMldV2Query(query: MldV2Query, into: Uint8Array, offset: number): number {
  into[offset] = (query.suppressRouterProcessing ? 8 : 0) | query.robustness;
  into[offset + 1] = query.intervalCode;
  writeU16(into, offset + 2, query.sources.length);
  return emitSources(query.sources, into, offset + 4);
}

function readSources(bytes: Uint8Array, offset: number, end: number): Ipv6Address[] {
  const sources: Ipv6Address[] = [];
  for (let at = offset; at < end; at += IPV6_LEN) sources.push(readIpv6Address(bytes, at));
  return sources;
}

function emitSources(sources: readonly Ipv6Address[], into: Uint8Array, offset: number): number {
  for (const [index, source] of sources.entries()) writeIpv6Address(source, into, offset + IPV6_LEN * index);
  return offset + IPV6_LEN * sources.length;
}
