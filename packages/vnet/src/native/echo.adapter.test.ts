import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { IpAddress } from '@orlop/netstack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostEchoEvents, HostSockets } from '../host/host-sockets.ts';
import { inNamespace } from '../link/tap.ts';
import { createNativeSockets } from './native-sockets.ts';
import { Poller } from './poller.ts';

const run = promisify(execFile);
const NAMESPACE = `orlop-echo-${process.pid}`;
const PAYLOAD = Uint8Array.of(1, 2, 3);

/** In a namespace of its own, whose ping sockets are everybody's. Needs root. */
describe.runIf(process.platform === 'linux')('NativeEcho', () => {
  const poller = new Poller(process.platform, process.arch);
  let sockets: HostSockets;

  beforeAll(async () => {
    await run('ip', ['netns', 'add', NAMESPACE]);
    const inside = (...words: string[]) => run('ip', ['netns', 'exec', NAMESPACE, ...words]);
    await inside('sysctl', '-qw', 'net.ipv4.ping_group_range=0 0');
    await inside('ip', 'link', 'set', 'lo', 'up');
    await inside('ip', 'link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far');
    for (const name of ['near', 'far']) await inside('ip', 'link', 'set', name, 'up');
    await inside('ip', 'addr', 'add', '198.18.1.1/24', 'dev', 'near');
    const neighbours = 'net.ipv4.neigh.near';
    await inside('sysctl', '-qw', `${neighbours}.mcast_solicit=1`, `${neighbours}.retrans_time_ms=50`);
    sockets = createNativeSockets(poller);
  });

  afterAll(async () => {
    await run('ip', ['netns', 'del', NAMESPACE]);
  });

  const open = (family: 4 | 6, events: Partial<HostEchoEvents>) => {
    const all = { onReply: () => {}, onFailed: () => {}, ...events };
    const socket = inNamespace(poller, `/run/netns/${NAMESPACE}`, () => sockets.openEcho(family, all));
    if (socket === undefined) throw new Error('the namespace gives no ping sockets');
    return socket;
  };

  it.each([
    [4, IpAddress.v4(0x7f000001)],
    [6, IpAddress.v6(0, 0, 0, 1)],
  ] as const)('brings the reply to each request, of IPv%i', async (family, address) => {
    const replies: unknown[] = [];
    const sequences = [0x1234, 1, 2, 3, 4, 5, 6, 7];
    await new Promise<void>((resolve) => {
      const socket = open(family, {
        onReply: (sequence, payload, from) => {
          replies.push({ sequence, payload: [...payload], from: from.toString() });
          if (replies.length < sequences.length) return;
          socket.close();
          resolve();
        },
      });
      for (const sequence of sequences) expect(socket.send(sequence, PAYLOAD, address)).toBeUndefined();
    });
    const rest = { payload: [1, 2, 3], from: address.toString() };
    expect(replies).toEqual(sequences.map((sequence) => ({ sequence, ...rest })));
  });

  it('tells which request could not be delivered, at once or later', async () => {
    const failed = await new Promise<unknown>((resolve) => {
      const socket = open(4, {
        onFailed: (sequence, failure) => {
          socket.close();
          resolve({ sequence, failure });
        },
      });
      expect(socket.send(1, PAYLOAD, IpAddress.v4(0xcb007105))).toBe('network-unreachable');
      expect(socket.send(0x4321, PAYLOAD, IpAddress.v4(0xc6120109))).toBeUndefined();
    });
    expect(failed).toEqual({ sequence: 0x4321, failure: 'host-unreachable' });
  });
});
