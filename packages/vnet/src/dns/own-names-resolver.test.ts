import { IpAddress } from '@orlop/netstack';
import {
  DNS_NAME_ERROR,
  DNS_NO_ERROR,
  DNS_SERVER_FAILURE,
  type DnsFields,
  encodeDns,
  parseDns,
} from '@orlop/wire';
import { describe, expect, it } from 'vitest';
import { OwnNamesResolver } from './own-names-resolver.ts';
import { soaOf } from './reply.ts';
import { ZoneTable } from './zone-table.ts';

const PASSED_ON = Uint8Array.of(1);
const ZONES = new ZoneTable([{ name: 'own.test', records: [{ name: 'www', type: 'A', value: '10.0.0.1' }] }]);
const WWW = { name: 'www.own.test', type: 1, class: 1 };
const upstream = { resolve: async () => PASSED_ON };

function asked(fields: Partial<DnsFields>): Uint8Array {
  const empty = parseDns(new Uint8Array(12), 0, 12);
  if (typeof empty === 'string') throw new Error(empty);
  return encodeDns({ ...empty, ...fields });
}

describe('OwnNamesResolver', () => {
  const resolver = new OwnNamesResolver([ZONES], upstream);
  const resolve = (message: Uint8Array) => {
    const { signal } = new AbortController();
    return resolver.resolve({ message, transport: 'udp', guest: IpAddress.v4(2) }, { signal });
  };

  it('answers a question for a name of its own', async () => {
    const answer = await resolve(asked({ questions: [WWW] }));
    expect(parseDns(answer ?? PASSED_ON, 0, answer?.length ?? 0)).toMatchObject({ answers: { length: 1 } });
  });

  it('answers with the SOA of a zone of its own, and with no other’s', async () => {
    const ask = async (name: string, type: number) => {
      const answer = (await resolve(asked({ questions: [{ name, type, class: 1 }] }))) ?? PASSED_ON;
      const fields = parseDns(answer, 0, answer.length);
      if (typeof fields === 'string') return fields;
      const kinds = (records: DnsFields['answers']) => records.map(({ kind, name }) => `${kind} ${name}`);
      return [kinds(fields.answers), kinds(fields.authorities)];
    };
    expect(await ask('Own.Test', 6)).toEqual([['SOA Own.Test'], []]);
    expect(await ask('own.test', 255)).toEqual([['SOA own.test'], []]);
    expect(await ask('own.test', 1)).toEqual([[], ['SOA own.test']]);
    expect(await ask('www.own.test', 6)).toEqual([[], ['SOA own.test']]);
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

describe('OwnNamesResolver, with aliases', () => {
  const alias = (name: string, value: string) => ({ name, type: 'CNAME', value }) as const;
  const zones = new ZoneTable([
    {
      name: 'own.test',
      records: [
        alias('away', 'www.far.test.'),
        alias('here', 'text'),
        alias('nowhere', 'none'),
        alias('round', 'about'),
        alias('about', 'round'),
        { name: 'text', type: 'TXT', value: 'x' },
        ...Array.from({ length: 8 }, (_, i) => alias(`step${i}`, `step${i + 1}`)),
        { name: 'step8', type: 'A', value: '10.0.0.8' },
      ],
    },
  ]);
  /** What is answered to a question for the addresses of a name, when another server says this of its alias. */
  const ask = async (name: string, said?: Partial<DnsFields>) => {
    const resolver = new OwnNamesResolver([zones], {
      resolve: async ({ message }) => {
        const asking = parseDns(message, 0, message.length);
        if (typeof asking === 'string' || said === undefined) return undefined;
        return encodeDns({ ...asking, response: true, ...said });
      },
    });
    const message = asked({ questions: [{ name, type: 1, class: 1 }] });
    const { signal } = new AbortController();
    const answer = await resolver.resolve({ message, transport: 'udp', guest: IpAddress.v4(2) }, { signal });
    const fields = parseDns(answer ?? PASSED_ON, 0, answer?.length ?? 1);
    if (typeof fields === 'string') throw new Error(fields);
    const { responseCode, answers, authorities, truncated } = fields;
    return {
      responseCode,
      truncated,
      chain: answers.map((record) => record.name),
      zones: authorities.map((record) => record.name),
    };
  };

  it.each([
    ['no such name', { responseCode: DNS_NAME_ERROR, authorities: [soaOf('far.test')] }, DNS_NAME_ERROR, 1],
    ['no such record', { authorities: [soaOf('far.test')] }, DNS_NO_ERROR, 1],
    ['a failure', { responseCode: DNS_SERVER_FAILURE }, DNS_SERVER_FAILURE, 0],
    ['nothing', undefined, DNS_SERVER_FAILURE, 0],
  ])('says of an alias what is said of its target (RFC 6604 §3): %s', async (_, said, responseCode, soas) => {
    const zones = ['far.test'].slice(0, soas);
    const expected = { responseCode, truncated: false, chain: ['away.own.test'], zones };
    expect(await ask('away.own.test', said)).toEqual(expected);
  });

  it('tells of an answer for an alias’s target that came cut off', async () => {
    expect(await ask('away.own.test', { truncated: true })).toMatchObject({ truncated: true });
  });

  it.each([
    ['none.own.test', DNS_NAME_ERROR, []],
    ['text.own.test', DNS_NO_ERROR, []],
    ['nowhere.own.test', DNS_NAME_ERROR, ['nowhere.own.test']],
    ['here.own.test', DNS_NO_ERROR, ['here.own.test']],
  ])(
    'sends its SOA where there is nothing, and where an alias leads there: %s',
    async (name, code, chain) => {
      const expected = { responseCode: code, truncated: false, chain, zones: ['own.test'] };
      expect(await ask(name)).toEqual(expected);
    },
  );

  it('fails where aliases go in a circle (RFC 1034 §3.6.2), and follows eight that do not', async () => {
    expect(await ask('round.own.test')).toMatchObject({ responseCode: DNS_SERVER_FAILURE, chain: [] });
    expect(await ask('step0.own.test')).toMatchObject({ responseCode: DNS_NO_ERROR, chain: { length: 9 } });
  });
});
