import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { freePort } from '@orlop/testkit';
import { orlopNetUp } from './orlop-network.ts';
import { hasProgram, run, start, stop, until } from './tools.ts';

export interface PeerContext {
  readonly repository: string;
  readonly folder: string;
  /** A namespace of our own, without a way out yet. */
  readonly namespace: string;
  readonly mtu: number;
  /** A port of the host's loopback that is to lead to port 5201 of the guest. */
  readonly forwardPort: number;
}

export interface RunningPeer {
  /** Where the guest reaches the host's loopback. */
  readonly hostAddress: string;
  /** The process that moves the bytes. */
  readonly pid: number;
  close(): Promise<void>;
}

export interface Peer {
  readonly name: string;
  /** Why it cannot run here. */
  missing(): string | undefined;
  up(context: PeerContext): Promise<RunningPeer>;
}

const GUEST_PORT = 5201;

function inNamespace(context: PeerContext, ...command: readonly string[]): string {
  return run('ip', 'netns', 'exec', context.namespace, ...command);
}

function configure(context: PeerContext, address: string, gateway: string, device = 'tap0'): void {
  inNamespace(context, 'ip', 'link', 'set', device, 'mtu', String(context.mtu), 'up');
  inNamespace(context, 'ip', 'addr', 'add', `${address}/24`, 'dev', device);
  inNamespace(context, 'ip', 'route', 'add', 'default', 'via', gateway);
}

const orlop: Peer = {
  name: 'orlop',
  missing: () => undefined,
  up: async (context) => {
    const { repository, folder, namespace, mtu, forwardPort } = context;
    const child = start(
      join(folder, 'orlop.log'),
      ...orlopNetUp(repository, join(folder, 'home')),
      ...['bench', '--mtu', String(mtu), '--listen', `tap:tap0@${namespace}`],
      ...['--forward', `127.0.0.1:${forwardPort}:192.168.127.2:${GUEST_PORT}`],
    );
    await until('orlop', () => configure(context, '192.168.127.2', '192.168.127.1'));
    return { hostAddress: '192.168.127.254', pid: child.pid ?? 0, close: () => stop(child) };
  },
};

const slirp4netns: Peer = {
  name: 'slirp4netns',
  missing: () => (hasProgram('slirp4netns') ? undefined : 'not installed'),
  up: async (context) => {
    const { folder, namespace, mtu, forwardPort } = context;
    const holder = start(join(folder, 'holder.log'), 'ip', 'netns', 'exec', namespace, 'sleep', 'infinity');
    const socket = join(folder, 'slirp.sock');
    await until('namespace', () => run('ip', 'netns', 'pids', namespace).trim() || fail('nobody is in it'));
    const child = start(
      join(folder, 'slirp4netns.log'),
      ...([
        'slirp4netns',
        '-c',
        '-m',
        String(mtu),
        '--api-socket',
        socket,
        String(holder.pid),
        'tap0',
      ] as const),
    );
    await until(
      'slirp4netns',
      () => inNamespace(context, 'ip', 'addr', 'show', 'tap0').includes('10.0.2.100') || fail('no address'),
    );
    await ask(socket, {
      execute: 'add_hostfwd',
      arguments: { proto: 'tcp', host_addr: '127.0.0.1', host_port: forwardPort, guest_port: GUEST_PORT },
    });
    return {
      hostAddress: '10.0.2.2',
      pid: child.pid ?? 0,
      close: async () => {
        await stop(child);
        await stop(holder);
      },
    };
  },
};

const pasta: Peer = {
  name: 'pasta',
  missing: () => {
    if (!hasProgram('pasta')) return 'not installed';
    return run('ip', 'route', 'show', 'default').trim() === '' ? 'the host has no default route' : undefined;
  },
  up: async (context) => {
    const { folder, namespace, mtu, forwardPort } = context;
    const child = start(
      join(folder, 'pasta.log'),
      ...(['pasta', '-f', '--config-net', '-m', String(mtu), '-I', 'tap0', '--runas', '0'] as const),
      ...['-t', `127.0.0.1/${forwardPort}:${GUEST_PORT}`, '-u', 'none', '-T', 'none', '-U', 'none'],
      ...['--netns', `/run/netns/${namespace}`],
    );
    const gateway = /default via (\S+)/.exec(run('ip', 'route', 'show', 'default'))?.[1] ?? '';
    await until(
      'pasta',
      () => inNamespace(context, 'ip', 'route', 'show', 'default').includes('via') || fail('no route'),
    );
    return { hostAddress: gateway, pid: child.pid ?? 0, close: () => stop(child) };
  },
};

/** gvproxy is a Debian 13 program; its TAP side here is socat over its packet socket, as a forwarder in a guest is. */
const gvproxy: Peer = {
  name: 'gvproxy',
  missing: () => {
    if (!hasProgram('gvproxy') && process.env['GVPROXY'] === undefined)
      return 'not installed (set GVPROXY to its path)';
    return hasProgram('socat') ? undefined : 'needs socat';
  },
  up: async (context) => {
    const { folder, namespace, mtu, forwardPort } = context;
    const frames = join(folder, 'gvproxy.frames');
    const services = join(folder, 'gvproxy.api');
    const children: ChildProcess[] = [];
    children.push(
      start(
        join(folder, 'gvproxy.log'),
        ...([
          process.env['GVPROXY'] ?? 'gvproxy',
          '-mtu',
          String(mtu),
          '-ssh-port',
          String(await freePort()),
        ] as const),
        ...['-listen-bess', `unixpacket://${frames}`, '-listen', `unix://${services}`],
      ),
    );
    await until('gvproxy', () => existsSync(frames) || fail('no socket'));
    children.push(
      start(
        join(folder, 'socat.log'),
        ...(['ip', 'netns', 'exec', namespace, 'socat', '-b', '70000'] as const),
        ...['TUN,tun-type=tap,tun-name=tap0,iff-no-pi', `UNIX-CONNECT:${frames},socktype=5`],
      ),
    );
    await until('socat', () => configure(context, '192.168.127.2', '192.168.127.1'));
    const body = JSON.stringify({ local: `127.0.0.1:${forwardPort}`, remote: `192.168.127.2:${GUEST_PORT}` });
    const url = 'http://gvproxy/services/forwarder/expose';
    await until('gvproxy', () =>
      run('curl', '-sf', '--unix-socket', services, url, '-X', 'POST', '-d', body),
    );
    return {
      hostAddress: '192.168.127.254',
      pid: children[0]?.pid ?? 0,
      close: async () => {
        for (const child of children.reverse()) await stop(child);
      },
    };
  },
};

export const peers: readonly Peer[] = [orlop, slirp4netns, gvproxy, pasta];

function fail(why: string): never {
  throw new Error(why);
}

function ask(socketPath: string, request: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketPath);
    socket.on('error', reject);
    socket.on('data', () => {
      socket.destroy();
      resolve();
    });
    socket.end(JSON.stringify(request));
  });
}
