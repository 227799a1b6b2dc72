import { createStack, IpPrefix } from '@orlop/netstack';
import { seededRandom } from '@orlop/testkit';
import {
  DHCPV6_CLIENT_PORT,
  DHCPV6_SERVER_PORT,
  type Dhcpv6Fields,
  type Dhcpv6MessageType,
  type Dhcpv6Option,
  dhcpv6Length,
  emitDhcpv6,
  parseDhcpv6,
} from '@orlop/wire';
import { describe, expect, it } from 'vitest';
import { ip, testNetwork } from '../testing/test-network.ts';

const MAC = 0x5254_0000_0002;
const SERVERS = { address: ip('ff02::1:2'), port: DHCPV6_SERVER_PORT };
const CLIENT: Dhcpv6Option = { kind: 'client-id', duid: Uint8Array.of(0, 3, 0, 1, 2, 2, 2, 2, 2, 2) };
const IA = { kind: 'ia-na', id: 7, renewAfter: 0, rebindAfter: 0, options: [] } as const;

function iaAddress(address: string): Dhcpv6Option {
  return { kind: 'ia-address', address: ip(address).toIpv6(), preferred: 60, valid: 90, options: [] };
}

/** A client of its own link-local address, and the question that it asks. */
function client() {
  const net = testNetwork({ ipv6: 'fd00:1:2:3::/64' });
  const stack = createStack({
    mac: MAC,
    addresses: [new IpPrefix(ip('fe80::5054:ff:fe00:2'), 64)],
    random: seededRandom(1),
  });
  net.replug(stack);
  const answers: Dhcpv6Fields[] = [];
  const socket = stack.udp.bind(
    { port: DHCPV6_CLIENT_PORT },
    {
      onDatagram: ({ bytes }) => {
        const answer = parseDhcpv6(bytes, 0, bytes.length);
        if (typeof answer !== 'string') answers.push(answer);
      },
    },
  );
  const ask = (messageType: Dhcpv6MessageType, options: readonly Dhcpv6Option[]): readonly Dhcpv6Fields[] => {
    const fields: Dhcpv6Fields = { messageType, transactionId: 0xabc, options };
    const bytes = new Uint8Array(dhcpv6Length(fields));
    emitDhcpv6(fields, bytes, 0);
    answers.length = 0;
    socket.send(bytes, SERVERS, ip('fe80::5054:ff:fe00:2'));
    net.scheduler.advance(5000);
    return [...answers];
  };
  const serverId = (): Dhcpv6Option => {
    const found = ask('information-request', [CLIENT])[0]?.options.find(({ kind }) => kind === 'server-id');
    if (found === undefined) throw new Error('the server does not name itself');
    return found;
  };
  return { ask, serverId };
}

function of(answers: readonly Dhcpv6Fields[], kind: Dhcpv6Option['kind']): readonly Dhcpv6Option[] {
  return answers.flatMap(({ options }) => options).filter((option) => option.kind === kind);
}

const status = (code: number) => expect.objectContaining({ kind: 'status', status: code });

describe('Dhcpv6Server', () => {
  it('answers an information-request with servers and domains', () => {
    const { ask } = client();
    const answers = ask('information-request', [CLIENT]);
    expect(answers).toMatchObject([{ messageType: 'reply', transactionId: 0xabc }]);
    expect(of(answers, 'client-id')).toEqual([CLIENT]);
    expect([of(answers, 'dns-servers'), of(answers, 'domain-list')]).toMatchObject([[{}], [{}]]);
  });

  it.each([
    ['solicit', 'advertise'],
    ['request', 'reply'],
  ] as const)(
    'answers a %s for leases that there are none, with DNS (RFC 8415 §18.3.9, §18.3.2)',
    (type, reply) => {
      const { ask, serverId } = client();
      const own = type === 'request' ? [serverId()] : [];
      const leases = [IA, { ...IA, kind: 'ia-ta', id: 8 }, { ...IA, kind: 'ia-pd', id: 9 }] as const;
      const answers = ask(type, [CLIENT, ...own, { kind: 'rapid-commit' }, ...leases]);
      expect(answers).toMatchObject([{ messageType: reply }]);
      expect(of(answers, 'ia-na')).toEqual([{ ...IA, options: [status(2)] }]);
      expect(of(answers, 'ia-ta')).toEqual([{ ...IA, kind: 'ia-ta', id: 8, options: [status(2)] }]);
      expect(of(answers, 'ia-pd')).toEqual([{ ...IA, kind: 'ia-pd', id: 9, options: [status(6)] }]);
      expect(of(answers, 'dns-servers')).toMatchObject([{}]);
      expect(of(answers, 'rapid-commit')).toEqual([]);
    },
  );

  it.each([
    ['solicit', 'asks for it', [23, 82], [86_400]],
    ['request', 'asks for it', [82], [86_400]],
    ['solicit', 'does not', [23], []],
    ['information-request', 'asks for it', [82], []],
  ] as const)('tells a %s to ask seldom where it %s (RFC 8415 §21.24)', (type, _, codes, seconds) => {
    const { ask, serverId } = client();
    const own = type === 'request' ? [serverId()] : [];
    const leases = type === 'information-request' ? [] : [IA];
    const answers = ask(type, [CLIENT, ...own, ...leases, { kind: 'option-request', codes }]);
    expect(answers).toHaveLength(1);
    expect(of(answers, 'sol-max-rt')).toEqual(seconds.map((one) => ({ kind: 'sol-max-rt', seconds: one })));
  });

  it.each([
    ['of this link', ['fd00:1:2:3::9'], [status(0)]],
    ['of another link', ['fd00:1:2:3::9', 'fd00:1:2:4::9'], [status(4)]],
    ['without addresses: says nothing', [], []],
  ])('confirms leases %s (RFC 8415 §18.3.3)', (_, addresses, expected) => {
    const { ask } = client();
    const answers = ask('confirm', [CLIENT, { ...IA, options: addresses.map(iaAddress) }]);
    expect(of(answers, 'status')).toEqual(expected);
    expect(answers).toHaveLength(expected.length);
  });

  it.each(['renew', 'rebind'] as const)(
    'has no record of leases that a %s names; foreign ones end',
    (type) => {
      const { ask, serverId } = client();
      const own = type === 'renew' ? [serverId()] : [];
      const foreign = { ...IA, id: 8, options: [iaAddress('2001:db8::1')] };
      const answers = ask(type, [CLIENT, ...own, { ...IA, options: [iaAddress('fd00:1:2:3::9')] }, foreign]);
      expect(of(answers, 'ia-na')).toEqual([
        { ...IA, options: [status(3)] },
        { ...foreign, options: [{ ...iaAddress('2001:db8::1'), preferred: 0, valid: 0 }] },
      ]);
    },
  );

  it.each(['release', 'decline'] as const)(
    'a %s succeeds, and its leases are unknown (§18.3.7, §18.3.8)',
    (type) => {
      const { ask, serverId } = client();
      const answers = ask(type, [CLIENT, serverId(), { ...IA, options: [iaAddress('fd00:1:2:3::9')] }]);
      expect(answers).toMatchObject([{ messageType: 'reply' }]);
      expect(of(answers, 'status')).toEqual([status(0)]);
      expect(of(answers, 'ia-na')).toEqual([{ ...IA, options: [status(3)] }]);
      expect(of(answers, 'dns-servers')).toEqual([]);
    },
  );

  it('discards what the RFC has a server discard (RFC 8415 §16)', () => {
    const { ask, serverId } = client();
    const other: Dhcpv6Option = { kind: 'server-id', duid: Uint8Array.of(0, 3, 0, 1, 9, 9, 9, 9, 9, 9) };
    expect(ask('solicit', [IA])).toEqual([]);
    expect(ask('solicit', [CLIENT, serverId(), IA])).toEqual([]);
    expect(ask('request', [CLIENT, IA])).toEqual([]);
    for (const type of ['request', 'renew', 'release', 'decline', 'information-request'] as const) {
      expect(ask(type, [CLIENT, other])).toEqual([]);
    }
    expect(ask('information-request', [CLIENT, IA])).toEqual([]);
    for (const type of ['advertise', 'reply', 'reconfigure'] as const)
      expect(ask(type, [CLIENT])).toEqual([]);
  });
});
