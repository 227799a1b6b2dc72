import { IpAddress } from '@orlop/netstack';
import { DNS_CLASS_IN, type DnsRecord, type DnsRecordHead, isDnsName } from '@orlop/wire';
import { vnetError } from '../errors.ts';

/** A record as people write it: `{name: www, type: A, value: 10.0.0.1}`; names without a final dot are the zone's. */
export interface ZoneRecordConfig {
  /** Relative to the zone; `@` or '' is the zone itself, `*` every name that has no records of its own. */
  readonly name: string;
  readonly type: ZoneRecordType;
  /**
   * A, AAAA: an address. CNAME, PTR: a name. TXT: the text. MX: `10 mail`. SRV: `0 5 5060 sip`.
   */
  readonly value: string;
  /** @default 60 */
  readonly ttl?: number;
}

export const ZONE_RECORD_TYPES = ['A', 'AAAA', 'CNAME', 'TXT', 'MX', 'SRV', 'PTR'] as const;
export type ZoneRecordType = (typeof ZONE_RECORD_TYPES)[number];

const DEFAULT_TTL_SECONDS = 60;
/** RFC 1035 §3.3.14: a character string. */
const MAX_STRING_LEN = 255;

/** @throws OrlopError `vnet.zone-invalid` */
export function parseZoneRecord(record: ZoneRecordConfig, zone: string): DnsRecord {
  const invalid = (why: string): never => {
    throw vnetError('vnet.zone-invalid', `the record ${record.name} ${record.type} "${record.value}" ${why}`);
  };
  const name = qualify(record.name, zone);
  if (!isDnsName(name.replace(/^\*\./, ''))) invalid('has no name of DNS');
  const head: DnsRecordHead = { name, class: DNS_CLASS_IN, ttl: record.ttl ?? DEFAULT_TTL_SECONDS };
  const target = (text: string | undefined): string => {
    const full = qualify(text ?? '', zone);
    return text !== undefined && text !== '' && isDnsName(full) ? full : invalid('names no target');
  };
  const words = record.value.trim().split(/\s+/);
  switch (record.type) {
    case 'A':
    case 'AAAA': {
      const address = IpAddress.parse(record.value);
      if (address === undefined || address.version !== (record.type === 'A' ? 4 : 6)) {
        return invalid(`is no address for ${record.type}`);
      }
      return addressRecord(head, address);
    }
    case 'CNAME':
    case 'PTR':
      return { ...head, kind: record.type, target: target(words[0]) };
    case 'TXT':
      return { ...head, kind: 'TXT', strings: splitText(record.value) };
    case 'MX': {
      const [preference = '', exchange] = words;
      return { ...head, kind: 'MX', preference: u16(preference, invalid), exchange: target(exchange) };
    }
    case 'SRV': {
      const [priority = '', weight = '', port = '', host] = words;
      return {
        ...head,
        kind: 'SRV',
        priority: u16(priority, invalid),
        weight: u16(weight, invalid),
        port: u16(port, invalid),
        target: target(host),
      };
    }
  }
}

export function addressRecord(head: DnsRecordHead, address: IpAddress): DnsRecord {
  if (address.version === 4) return { ...head, kind: 'A', address: address.w3 >>> 0 };
  const { w0, w1, w2, w3 } = address;
  return { ...head, kind: 'AAAA', address: { a: w0 >>> 0, b: w1 >>> 0, c: w2 >>> 0, d: w3 >>> 0 } };
}

/** In lower case, without a final dot. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function qualify(name: string, zone: string): string {
  if (name === '' || name === '@') return zone;
  if (name.endsWith('.')) return plainName(name);
  const plain = plainName(name);
  return zone === '' || plain === zone || plain.endsWith(`.${zone}`) ? plain : `${plain}.${zone}`;
}

function u16(text: string, invalid: (why: string) => never): number {
  const number = Number(text);
  return /^\d+$/.test(text) && number <= 0xffff ? number : invalid(`has "${text}" for a number up to 65535`);
}

function splitText(text: string): Uint8Array[] {
  const bytes = new TextEncoder().encode(text);
  const strings: Uint8Array[] = [];
  for (let at = 0; at < bytes.length || at === 0; at += MAX_STRING_LEN) {
    strings.push(Uint8Array.from(bytes.subarray(at, at + MAX_STRING_LEN)));
  }
  return strings;
}
