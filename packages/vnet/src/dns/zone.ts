import { IpAddress } from '@orlop/netstack';
import { DNS_CLASS_IN, type DnsRecord, isDnsName } from '@orlop/wire';
import { vnetError } from '../errors.ts';
import type { NameAnswer, NameSource } from './name-source.ts';
import { addressRecord, parseZoneRecord, plainName, type ZoneRecordConfig } from './zone-record.ts';

/** A zone as people write it. */
export interface ZoneConfig {
  /** `example.internal`; '' is the root: records for names anywhere. */
  readonly name: string;
  readonly records?: readonly ZoneRecordConfig[];
  /** What every other name of the zone has for an address; without it such names do not exist. */
  readonly defaultAddress?: string;
  /** Names (relative to the zone) by a regular expression, in order, each with its address. */
  readonly patterns?: readonly { readonly pattern: string; readonly address: string }[];
  /** Ask upstream for names that the zone does not have. @default false: they do not exist */
  readonly fallThrough?: boolean;
}

const DEFAULT_TTL_SECONDS = 60;
const MAX_RECORDS = 10_000;

/** One zone, read: answers for its names, whatever their type. */
export class Zone implements NameSource {
  readonly name: string;
  readonly config: ZoneConfig;
  readonly #records = new Map<string, DnsRecord[]>();
  readonly #patterns: readonly { readonly pattern: RegExp; readonly address: IpAddress }[];
  readonly #default: IpAddress | undefined;

  /** @throws OrlopError `vnet.zone-invalid` */
  constructor(config: ZoneConfig) {
    this.config = config;
    this.name = plainName(config.name);
    if (this.name !== '' && !isDnsName(this.name)) {
      throw vnetError('vnet.zone-invalid', `"${config.name}" is no name of a zone`);
    }
    const records = config.records ?? [];
    if (records.length > MAX_RECORDS) {
      throw vnetError('vnet.zone-invalid', `zone ${config.name} has more than ${MAX_RECORDS} records`);
    }
    for (const record of records) {
      const parsed = parseZoneRecord(record, this.name);
      const key = plainName(parsed.name);
      this.#records.set(key, [...(this.#records.get(key) ?? []), parsed]);
    }
    this.#default = this.#address(config.defaultAddress);
    this.#patterns = (config.patterns ?? []).map(({ pattern, address }) => ({
      pattern: this.#pattern(pattern),
      address: this.#address(address) ?? IpAddress.v4(0),
    }));
  }

  contains(name: string): boolean {
    return this.name === '' || name === this.name || name.endsWith(`.${this.name}`);
  }

  answer(name: string): NameAnswer {
    if (!this.contains(name)) {
      // A record with a final dot may be of another zone: the PTR beside its A.
      const records = this.#records.get(name);
      return records === undefined ? { kind: 'pass' } : { kind: 'records', records, zone: name };
    }
    // The root is ours for single names only.
    const zone = this.name === '' ? name : this.name;
    const own = this.#records.get(name) ?? this.#wildcard(name) ?? this.#matching(name);
    if (own !== undefined) return { kind: 'records', records: own, zone };
    if (name === this.name || this.#hasBelow(name)) {
      return this.config.fallThrough === true || this.name === ''
        ? { kind: 'pass' }
        : { kind: 'records', records: [], zone };
    }
    if (this.#default !== undefined)
      return { kind: 'records', records: [this.#made(name, this.#default)], zone };
    return this.config.fallThrough === true || this.name === ''
      ? { kind: 'pass' }
      : { kind: 'no-such-name', zone };
  }

  /** RFC 4592: the nearest `*` above the name. */
  #wildcard(name: string): readonly DnsRecord[] | undefined {
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const parent = name.slice(dot + 1);
      if (!this.contains(parent)) return undefined;
      const found = this.#records.get(`*.${parent}`);
      if (found !== undefined) return found.map((record) => ({ ...record, name }));
      if (this.#records.has(parent)) return undefined;
    }
    return undefined;
  }

  #matching(name: string): readonly DnsRecord[] | undefined {
    const relative = name === this.name ? '' : this.name === '' ? name : name.slice(0, -this.name.length - 1);
    const match = this.#patterns.find(({ pattern }) => pattern.test(relative));
    return match === undefined ? undefined : [this.#made(name, match.address)];
  }

  /** Names between the zone and a record exist without records (RFC 8020). */
  #hasBelow(name: string): boolean {
    for (const key of this.#records.keys()) if (key.endsWith(`.${name}`)) return true;
    return false;
  }

  #made(name: string, address: IpAddress): DnsRecord {
    return addressRecord({ name, class: DNS_CLASS_IN, ttl: DEFAULT_TTL_SECONDS }, address);
  }

  #address(text: string | undefined): IpAddress | undefined {
    if (text === undefined || text === '') return undefined;
    const address = IpAddress.parse(text);
    if (address !== undefined) return address;
    throw vnetError('vnet.zone-invalid', `zone ${this.name}: "${text}" is no IP address`);
  }

  #pattern(text: string): RegExp {
    try {
      return new RegExp(text, 'u');
    } catch (cause) {
      throw vnetError('vnet.zone-invalid', `zone ${this.name}: "${text}" is no regular expression`, {
        cause,
      });
    }
  }
}
