import { IpAddress } from '@orlop/netstack';
import { type DnsFields, encodeDns, parseDns } from '@orlop/wire';
import { describe, expect, it } from 'vitest';
import { LocalResolver } from './local-names.ts';
import { ZoneResolver } from './zone-resolver.ts';
import { ZoneTable } from './zone-table.ts';

const PASSED_ON = Uint8Array.of(1);
const ZONES = new ZoneTable([{ name: 'own.test', records: [{ name: 'www', type: 'A', value: '10.0.0.1' }] }]);
const WWW = { name: 'www.own.test', type: 1, class: 1 };
const upstream = { resolve: async () => PASSED_ON };
const names = { lookup: () => [IpAddress.v4(1)], reverse: () => undefined, owns: () => true };

function asked(fields: Partial<DnsFields>): Uint8Array {
  const empty = parseDns(new Uint8Array(12), 0, 12);
  if (typeof empty === 'string') throw new Error(empty);
  return encodeDns({ ...empty, ...fields });
}

describe.each([
  ['ZoneResolver', new ZoneResolver(ZONES, upstream)],
  ['LocalResolver', new LocalResolver(names, upstream)],
])('%s', (_, resolver) => {
  const resolve = (message: Uint8Array) => {
    const { signal } = new AbortController();
    return resolver.resolve({ message, transport: 'udp', guest: IpAddress.v4(2) }, { signal });
  };

  it('answers a question for a name of its own', async () => {
    const answer = await resolve(asked({ questions: [WWW] }));
    expect(parseDns(answer ?? PASSED_ON, 0, answer?.length ?? 0)).toMatchObject({ answers: { length: 1 } });
  });

  it('passes on what is no single question, however many there are (RFC 9619)', async () => {
    for (const count of [0, 2, 3000]) {
      expect(await resolve(asked({ questions: Array(count).fill(WWW) }))).toBe(PASSED_ON);
    }
  });

  it('passes on an update of a zone of its own: it did not take place (RFC 2136 §3)', async () => {
    expect(await resolve(asked({ opcode: 5, questions: [{ ...WWW, type: 6 }] }))).toBe(PASSED_ON);
  });
});
