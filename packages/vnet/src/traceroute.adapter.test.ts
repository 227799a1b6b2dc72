import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { silentLogger } from '@orlop/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseLinkSpec } from './link/link-spec.ts';
import { type OpenNetwork, openNetwork } from './open-network.ts';

const [GUEST, ROUTER, SERVER] = ['guest', 'router', 'server'].map(
  (name) => `orlop-${name}-${process.pid}`,
) as [string, string, string];
/** Of this host, which reaches the server by the router. */
const UPLINK = `trace${process.pid}`;
/** Networks for tests of network devices (RFC 2544, RFC 5180): nobody else's. */
const NEAR = { 4: ['198.18.1.1/24', '198.18.1.2/24'], 6: ['2001:2:0:1::1/64', '2001:2:0:1::2/64'] } as const;
const FAR = { 4: ['198.18.2.1/24', '198.18.2.2/24'], 6: ['2001:2:0:2::1/64', '2001:2:0:2::2/64'] } as const;

/** guest – the network, on this host – router – server, each in a namespace. Needs root. */
describe('traceroute of a guest', () => {
  let opened: OpenNetwork;
  const closers: (() => unknown)[] = [];

  beforeAll(async () => {
    for (const name of [GUEST, ROUTER, SERVER]) {
      await ip('netns', 'add', name);
      closers.push(() => ip('netns', 'del', name));
      await ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    await cable([undefined, UPLINK], [ROUTER, 'near'], NEAR);
    await cable([ROUTER, 'far'], [SERVER, 'far'], FAR);
    await inside(ROUTER, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
    for (const name of [ROUTER, SERVER])
      await inside(name, 'sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0', 'net.ipv6.icmp.ratelimit=0');
    await ip('route', 'add', '198.18.2.0/24', 'via', '198.18.1.2');
    await ip('-6', 'route', 'add', '2001:2:0:2::/64', 'via', '2001:2:0:1::2');
    await ip('-n', SERVER, 'route', 'add', 'default', 'via', '198.18.2.1');
    await ip('-n', SERVER, '-6', 'route', 'add', 'default', 'via', '2001:2:0:2::1');

    const config = { ipv6: 'fd00:78::/64', mtu: 1500 };
    opened = await openNetwork({ config, logger: silentLogger, platform: process.platform });
    closers.push(() => opened.close());
    await opened.listen(parseLinkSpec(`tap:eth0@${GUEST}`));
    await inside(GUEST, 'sysctl', '-qw', 'net.ipv6.conf.eth0.accept_ra=0');
    await ip('-n', GUEST, 'link', 'set', 'eth0', 'up');
    await ip('-n', GUEST, 'addr', 'add', '192.168.127.2/24', 'dev', 'eth0');
    await ip('-n', GUEST, 'route', 'add', 'default', 'via', '192.168.127.1');
    await ip('-n', GUEST, 'addr', 'add', 'fd00:78::2/64', 'dev', 'eth0', 'nodad');
    await ip('-n', GUEST, '-6', 'route', 'add', 'default', 'via', 'fd00:78::1');
  });

  afterAll(async () => {
    for (const close of closers.reverse()) await close();
  });

  const hops = async (...words: readonly string[]) => {
    // Each hop is waited for, however soon the others answered.
    const output = await inside(GUEST, 'traceroute', '-n', '-q', '1', '-w', '5,0,0', ...words);
    return [...output.matchAll(/^ *\d+ +(\S+)(?: +[\d.]+ ms)?( ![A-Z])?/gm)].map(
      ([, hop, note = '']) => `${hop}${note}`,
    );
  };
  const WAY = {
    4: ['192.168.127.1', '198.18.1.2', '198.18.2.2'],
    6: ['fd00:78::1', '2001:2:0:1::2', '2001:2:0:2::2'],
  } as const;

  it.each([
    ['UDP', 4, '-Mdefault'],
    ['UDP', 6, '-Mdefault'],
    ['ICMP', 4, '-I'],
    ['ICMP', 6, '-I'],
    ['TCP', 4, '-T'],
    ['TCP', 6, '-T'],
  ] as const)(
    'by %s over IPv%i names the gateway, the router and the server',
    async (_name, version, mode) => {
      expect(await hops(mode, WAY[version][2])).toEqual(WAY[version]);
    },
  );

  it.each(['-Mdefault', '-T'])('names the router that lets nothing through, by %s', async (mode) => {
    const unknown = '198.18.2.99';
    const rule = ['FORWARD', '-d', unknown, '-j', 'REJECT', '--reject-with', 'icmp-host-unreachable'];
    await inside(ROUTER, 'iptables', '-A', ...rule);
    expect(await hops(mode, unknown)).toEqual(['192.168.127.1', '198.18.1.2', '198.18.1.2 !H']);
  });

  it('ends at once at the host by its name, whose hops are nobody else', async () => {
    expect(await hops('-Mdefault', '192.168.127.254')).toEqual(['192.168.127.254']);
  });
});

type Place = readonly [namespace: string | undefined, device: string];
type Addresses = { readonly 4: readonly [string, string]; readonly 6: readonly [string, string] };

/** Two interfaces that are one cable, with these addresses. */
async function cable(one: Place, other: Place, addresses: Addresses): Promise<void> {
  const at = ([namespace, device]: Place) => [
    device,
    ...(namespace === undefined ? [] : ['netns', namespace]),
  ];
  await ip('link', 'add', ...at(one), 'type', 'veth', 'peer', 'name', ...at(other));
  for (const [index, [namespace, device]] of [one, other].entries()) {
    const there = namespace === undefined ? [] : ['-n', namespace];
    await ip(...there, 'addr', 'add', addresses[4][index] ?? '', 'dev', device);
    await ip(...there, '-6', 'addr', 'add', addresses[6][index] ?? '', 'dev', device, 'nodad');
    await ip(...there, 'link', 'set', device, 'up');
  }
}

function inside(namespace: string, ...words: string[]): Promise<string> {
  return run('ip', ['netns', 'exec', namespace, ...words]);
}

function ip(...words: string[]): Promise<string> {
  return run('ip', words);
}

async function run(command: string, words: readonly string[]): Promise<string> {
  return (await promisify(execFile)(command, words)).stdout;
}
