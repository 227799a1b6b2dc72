import { vnetError } from '../errors.ts';
import type { NameAnswer, NameSource } from './name-source.ts';
import { Zone, type ZoneConfig } from './zone.ts';
import { plainName, type ZoneRecordConfig } from './zone-record.ts';

/** The zones of one network; the most specific one answers. */
export class ZoneTable implements NameSource {
  /** Called after every change, for whoever keeps them on disk. */
  onChange: (() => void) | undefined = undefined;
  #zones: readonly Zone[] = [];

  /** @throws OrlopError `vnet.zone-invalid` */
  constructor(zones: readonly ZoneConfig[] = []) {
    for (const zone of zones) this.set(zone);
  }

  /** Adds a zone, or takes the place of the one of that name. @throws OrlopError `vnet.zone-invalid` */
  set(config: ZoneConfig): void {
    const zone = new Zone(config);
    const others = this.#zones.filter((one) => one.name !== zone.name);
    this.#zones = [...others, zone].sort((one, other) => other.name.length - one.name.length);
    this.onChange?.();
  }

  /** Adds to a zone, which is made when there is none; gvproxy's `dns/add` does this. */
  merge(config: ZoneConfig): void {
    const old = this.find(config.name)?.config;
    if (old === undefined) {
      this.set(config);
      return;
    }
    const defaultAddress = config.defaultAddress ?? old.defaultAddress;
    this.set({
      ...old,
      ...(defaultAddress !== undefined && { defaultAddress }),
      records: [...(config.records ?? []), ...this.#untouched(old, config.records ?? [])],
      patterns: [...(config.patterns ?? []), ...(old.patterns ?? [])],
    });
  }

  /** @throws OrlopError `vnet.zone-unknown` */
  remove(name: string): void {
    if (this.find(name) === undefined) throw unknown(name);
    this.#zones = this.#zones.filter((zone) => zone.name !== plainName(name));
    this.onChange?.();
  }

  /** Takes records of that name (and type, where given) out of a zone. @throws OrlopError `vnet.zone-unknown` */
  removeRecords(zoneName: string, name: string, type?: string): void {
    const zone = this.find(zoneName)?.config;
    if (zone === undefined) throw unknown(zoneName);
    const records = (zone.records ?? []).filter(
      (record) => record.name !== name || (type !== undefined && record.type !== type),
    );
    if (records.length === zone.records?.length || zone.records === undefined) {
      throw vnetError('vnet.zone-unknown', `zone ${zoneName} has no such record: ${name} ${type ?? ''}`);
    }
    this.set({ ...zone, records });
  }

  find(name: string): Zone | undefined {
    return this.#zones.find((zone) => zone.name === plainName(name));
  }

  list(): readonly ZoneConfig[] {
    return this.#zones.map((zone) => zone.config);
  }

  answer(name: string): NameAnswer {
    for (const zone of this.#zones) {
      const answer = zone.answer(name);
      if (answer.kind !== 'pass') return answer;
    }
    return { kind: 'pass' };
  }

  #untouched(old: ZoneConfig, added: readonly ZoneRecordConfig[]): readonly ZoneRecordConfig[] {
    return (old.records ?? []).filter(
      (record) => !added.some((one) => one.name === record.name && one.type === record.type),
    );
  }
}

function unknown(name: string): Error {
  return vnetError('vnet.zone-unknown', `there is no zone "${name}"`, {
    hint: 'orlop net dns ls shows those that are',
  });
}
