import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@orlop/testkit';
import { orlopNetUp } from './orlop-network.ts';
import { hasProgram, run, start, stop, until } from './tools.ts';

export interface GuestPeerContext {
  readonly repository: string;
  readonly folder: string;
  readonly mtu: number;
  /** Ports of the host's loopback, and those of the guest to which they are to lead. */
  readonly forwards: readonly (readonly [host: number, guest: number])[];
}

/** A network for one QEMU machine. */
export interface GuestPeer {
  readonly name: string;
  /** The largest MTU that it carries. */
  readonly maxMtu: number;
  missing(): string | undefined;
  up(context: GuestPeerContext): Promise<RunningGuestPeer>;
}

export interface RunningGuestPeer {
  /** QEMU's `-netdev`, its id being net0. */
  readonly netdev: string;
  /** Where the guest reaches the host's loopback. */
  readonly hostAddress: string;
  /** The process that moves the bytes; undefined where that is QEMU itself. */
  readonly pid: number | undefined;
  close(): Promise<void>;
}

const streamTo = (path: string) => `stream,id=net0,server=off,addr.type=unix,addr.path=${path}`;

/** The process listens where QEMU is to plug in. */
async function listening(
  path: string,
  command: readonly [string, ...string[]],
): Promise<{ pid: number; close: () => Promise<void> }> {
  const child = start(`${path}.log`, ...command);
  await until(command[0], () => {
    if (!existsSync(path)) throw new Error(`does not listen on ${path}`);
  });
  return { pid: child.pid ?? 0, close: () => stop(child) };
}

const orlop: GuestPeer = {
  name: 'orlop',
  maxMtu: 65_520,
  missing: () => undefined,
  up: async ({ repository, folder, mtu, forwards }) => {
    const path = join(folder, 'orlop.sock');
    const running = await listening(path, [
      ...orlopNetUp(repository, join(folder, 'home')),
      ...['bench', '--mtu', String(mtu), '--listen', path],
      ...forwards.flatMap(([host, guest]) => ['--forward', `127.0.0.1:${host}:${guest}`]),
    ]);
    return { ...running, netdev: streamTo(path), hostAddress: '192.168.127.254' };
  },
};

/** QEMU's user network: its cards have an MTU of 1500. */
const libslirp: GuestPeer = {
  name: 'libslirp',
  maxMtu: 1500,
  missing: () => undefined,
  up: async ({ forwards }) => ({
    netdev: `user,id=net0,${forwards.map(([host, guest]) => `hostfwd=tcp:127.0.0.1:${host}-:${guest}`).join(',')}`,
    hostAddress: '10.0.2.2',
    pid: undefined,
    close: async () => {},
  }),
};

const gvproxy: GuestPeer = {
  name: 'gvproxy',
  maxMtu: 65_520,
  missing: () =>
    hasProgram('gvproxy') || process.env['GVPROXY'] !== undefined ? undefined : 'set GVPROXY to its path',
  up: async ({ folder, mtu, forwards }) => {
    const path = join(folder, 'gvproxy.sock');
    const api = join(folder, 'gvproxy.api');
    const program = process.env['GVPROXY'] ?? 'gvproxy';
    const sockets = ['-listen-qemu', `unix://${path}`, '-listen', `unix://${api}`];
    const running = await listening(path, [
      program,
      '-mtu',
      String(mtu),
      '-ssh-port',
      String(await freePort()),
      ...sockets,
    ]);
    for (const [host, guest] of forwards) {
      const body = JSON.stringify({ local: `127.0.0.1:${host}`, remote: `192.168.127.2:${guest}` });
      const url = 'http://gvproxy/services/forwarder/expose';
      await until('gvproxy', () => run('curl', '-sf', '--unix-socket', api, url, '-X', 'POST', '-d', body));
    }
    return { ...running, netdev: streamTo(path), hostAddress: '192.168.127.254' };
  },
};

const passt: GuestPeer = {
  name: 'passt',
  maxMtu: 65_520,
  missing: () => {
    if (!hasProgram('passt')) return 'not installed';
    return run('ip', 'route', 'show', 'default').trim() === '' ? 'the host has no default route' : undefined;
  },
  up: async ({ folder, mtu, forwards }) => {
    const path = join(folder, 'passt.sock');
    const ports = forwards.map(([host, guest]) => `${host}:${guest}`).join(',');
    const running = await listening(path, [
      ...(['passt', '-f', '-s', path, '-m', String(mtu), '--runas', '0'] as const),
      ...['-t', `127.0.0.1/${ports}`, '-u', 'none'],
    ]);
    const gateway = /default via (\S+)/.exec(run('ip', 'route', 'show', 'default'))?.[1] ?? '';
    return { ...running, netdev: streamTo(path), hostAddress: gateway };
  },
};

export const guestPeers: readonly GuestPeer[] = [orlop, libslirp, gvproxy, passt];
