import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { promisify } from 'node:util';
import { silentLogger } from '@orlop/core';
import { IpAddress } from '@orlop/netstack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseForwards } from './forward/forward-text.ts';
import { GuestRoutes } from './gateway/guest-routes.ts';
import { linkLocalAddress } from './gateway/link-local.ts';
import { parseLinkSpec } from './link/link-spec.ts';
import { type OpenNetwork, openNetwork } from './open-network.ts';

const NAMESPACE = `orlop-guest-${process.pid}`;
const DEVICE = 'guest0';
const FORWARDING_6 = 'net.ipv6.conf.all.forwarding';

/** Linux in a network namespace as the guest of a network, by a TAP interface. Needs root. */
describe('a guest that is Linux', () => {
  let opened: OpenNetwork;
  let port: number;
  const closers: (() => unknown)[] = [];

  beforeAll(async () => {
    await ip('netns', 'add', NAMESPACE);
    await ip('-n', NAMESPACE, 'link', 'set', 'lo', 'up');
    const config = {
      ipv6: 'fd00:77::/64',
      mtu: 1500,
      policy: { rules: ['203.0.113.7', '2001:db8:7::1'].map((to) => ({ action: 'deny' as const, to })) },
      routes: [{ to: '10.88.0.0/24', via: '192.168.127.2' }],
      forwards: ['[::1]:0:192.168.127.2:22', '127.0.0.1:0:192.168.127.2:22'],
    };
    opened = await openNetwork({ config, logger: silentLogger, platform: process.platform });
    closers.push(() => opened.close());
    await opened.listen(parseLinkSpec(`tap:${DEVICE}@${NAMESPACE}`));
    const prefix = `net.ipv6.conf.${DEVICE}`;
    await guest('sysctl', '-qw', `${prefix}.accept_ra=2`, `${prefix}.dad_transmits=0`);
    // It asks after its neighbours within a second instead of half a minute.
    const neighbour = `net.ipv6.neigh.${DEVICE}`;
    await guest(
      'sysctl',
      '-qw',
      `${neighbour}.base_reachable_time_ms=300`,
      `${neighbour}.delay_first_probe_time=0`,
    );
    await ip('-n', NAMESPACE, 'link', 'set', DEVICE, 'up');
    await ip('-n', NAMESPACE, 'addr', 'add', '192.168.127.2/24', 'dev', DEVICE);
    await ip('-n', NAMESPACE, 'route', 'add', 'default', 'via', '192.168.127.1');
    const server = createServer((socket) => socket.end(`seen from ${socket.remoteAddress}`));
    await once(server.listen(0, '::'), 'listening');
    closers.push(() => server.close());
    port = (server.address() as AddressInfo).port;
  });

  afterAll(async () => {
    for (const close of closers.reverse()) await close();
    await ip('netns', 'del', NAMESPACE);
  });

  it('makes itself an address and a default route from the advertisement', async () => {
    const addresses = () => guest('ip', '-6', 'addr', 'show', 'dev', DEVICE, 'scope', 'global');
    await expect.poll(addresses).toContain('fd00:77:');
    expect(await guest('ip', '-6', 'route', 'show', 'default')).toMatch(/via fe80:.* proto ra/);
  });

  it.each([4, 6])('reaches the host by its name over IPv%i', async (version) => {
    const address = version === 4 ? '192.168.127.254' : 'fd00:77::fe';
    const from = version === 4 ? `TCP4:${address}:${port}` : `TCP6:[${address}]:${port}`;
    const seen = await guest('socat', '-u', from, '-');
    expect(seen).toMatch(version === 4 ? /127\.0\.0\.1$/ : /::1$/);
  });

  it.each([
    ['203.0.113.7', 'Packet filtered'],
    ['2001:db8:7::1', 'Administratively prohibited'],
  ])('hears that it may not ask %s for an echo', async (address, told) => {
    const ping = guest('ping', '-n', '-c1', '-W5', address);
    await expect(ping).rejects.toMatchObject({ stdout: expect.stringContaining(told) });
  });

  it.each([
    ['AF_INET', '203.0.113.5', 'ENOPROTOOPT'],
    ['AF_INET6', '2001:db8::5', 'EPROTO'],
  ])('hears that %s carries neither TCP nor UDP for it, outside either', async (family, address, error) => {
    const program = `
import socket, errno
s = socket.socket(socket.${family}, socket.SOCK_RAW, 47)
s.setsockopt(*((socket.IPPROTO_IPV6, 25, 1) if s.family == socket.AF_INET6 else (socket.IPPROTO_IP, 11, 1)))
s.settimeout(5)
s.connect(('${address}', 0))
s.send(bytes(8))
try: s.recv(99)
except OSError as e: print(errno.errorcode.get(e.errno, e), end='')
`;
    expect(await guest('python3', '-c', program)).toBe(error);
  });

  it('keeps its default route when it asks whether the router is still there', async () => {
    const states = () => guest('ip', '-6', 'neigh', 'show', 'dev', DEVICE);
    const asked = () => opened.network.stack.host.ndp.counters.solicitationsIn;
    const before = asked();
    await expect
      .poll(
        async () => {
          // By its default route, wherever that leads: the router is the neighbour that is asked after.
          await guest('ping', '-6', '-c1', '-W1', '2001:db8::1').catch(() => {});
          return asked() - before;
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThan(2);
    expect(await states()).toMatch(/ router /);
    expect(await guest('ip', '-6', 'route', 'show', 'default')).toMatch(/via fe80:.* proto ra/);
  });

  it.each([4, 6] as const)(
    'leads to a network behind it whose packets are smaller, over IPv%i: what is too big is told and sent anew',
    async (version) => {
      const behind = `${NAMESPACE}-${version}`;
      const [device, outer, inner, length] =
        version === 4
          ? (['behind4', '10.88.0.1', '10.88.0.2', 24] as const)
          : (['behind6', 'fd00:88::1', 'fd00:88::2', 64] as const);
      const flag = `-${version}`;
      await ip('netns', 'add', behind);
      try {
        await ip('link', 'add', device, 'netns', NAMESPACE, 'type', 'veth', 'peer', 'in0', 'netns', behind);
        for (const [name, link, address] of [
          [NAMESPACE, device, outer],
          [behind, 'in0', inner],
        ] as const) {
          await ip('-n', name, 'link', 'set', link, 'mtu', '1280', 'up');
          const nodad = version === 6 ? ['nodad'] : [];
          await ip('-n', name, flag, 'addr', 'add', `${address}/${length}`, 'dev', link, ...nodad);
        }
        // It says that it takes segments of 1440 and more, so that the way there is what is too narrow.
        const route = ['route', 'add', 'default', 'via', outer, 'mtu', '1280', 'advmss', '1440'];
        await ip('-n', behind, flag, ...route);
        await guest('sysctl', '-qw', version === 4 ? 'net.ipv4.ip_forward=1' : `${FORWARDING_6}=1`);
        const link = await ip('-n', NAMESPACE, 'link', 'show', 'dev', DEVICE);
        const via = [linkLocalAddress(/ether (\S+)/.exec(link)?.[1] ?? '')];
        // Over IPv4 the configuration says so; the guest's IPv6 address is its own making.
        const routes = new GuestRoutes(opened.network);
        if (version === 6) routes.set([`${outer}/${length}`], via);
        const echo = `${version === 4 ? 'TCP4' : 'TCP6'}-LISTEN:7,fork,reuseaddr`;
        const words = ['netns', 'exec', behind, 'socat', '-b', '65536', echo, 'EXEC:cat'];
        const server = spawn('ip', words, { stdio: 'ignore' });
        try {
          const target = version === 4 ? inner : `[${inner}]`;
          const [spec] = parseForwards(`127.0.0.2:0:${target}:7`);
          if (spec === undefined) throw new Error('no forward');
          const { local } = await opened.network.forwards.add(spec);
          if (local?.kind !== 'ip') throw new Error('no port');
          await expect.poll(() => echoed(local.port, Buffer.from('hello'))).toEqual(Buffer.from('hello'));
          const sent = randomBytes(1_000_000);
          expect(sent.equals(await echoed(local.port, sent))).toBe(true);
          const learned = IpAddress.parse(inner);
          if (learned === undefined) throw new Error(inner);
          const { pathMtus } = opened.network.stack.host.ip;
          expect(pathMtus.get(learned, opened.network.stack.host.ip.now)?.mtu).toBe(1280);
        } finally {
          for (const { id } of opened.network.forwards.list())
            if (id.startsWith('tcp:127.0.0.2:')) opened.network.forwards.remove(id);
          server.kill();
          await once(server, 'close');
          routes.set([], via);
        }
      } finally {
        await ip('netns', 'del', behind);
      }
    },
  );

  it.each(['[::1]', '127.0.0.1'])('is reached from the host by a forward at %s', async (address) => {
    const words = ['netns', 'exec', NAMESPACE, 'socat', 'TCP-LISTEN:22,reuseaddr,fork', 'EXEC:echo guest'];
    const server = spawn('ip', words, { stdio: 'ignore' });
    try {
      const forward = opened.network.forwards.list().find(({ id }) => id.startsWith(`tcp:${address}:`));
      const { local } = forward ?? {};
      if (local?.kind !== 'ip') throw new Error(`no forward at ${address}`);
      await expect.poll(() => read(local.address.toString(), local.port)).toBe('guest\n');
    } finally {
      server.kill();
      await once(server, 'close');
    }
  });
});

/** What a port of the forward's address gives back of these bytes until its end, and nothing where it fails. */
function echoed(port: number, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.2' });
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => resolve(Buffer.alloc(0)));
    socket.on('end', () => resolve(Buffer.concat(chunks)));
    socket.end(bytes);
  });
}

/** What a port says until its end, or why it says nothing. */
function read(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host, port });
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.on('error', ({ message }) => resolve(message));
    socket.on('end', () => resolve(text));
  });
}

const run = promisify(execFile);

async function ip(...words: readonly string[]): Promise<string> {
  return (await run('ip', words)).stdout;
}

/** Runs a program in the guest; the network goes on meanwhile. */
function guest(...words: readonly string[]): Promise<string> {
  return ip('netns', 'exec', NAMESPACE, ...words);
}
