import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@orlop/testkit';
import type { Column } from './columns.ts';
import { type Contestant, contest, presentPeers } from './contest.ts';
import { exchanges, type Servers } from './measure.ts';
import { type Peer, peers } from './peers.ts';
import { type PeerReport, printReport } from './report.ts';
import { run, start, stop, until } from './tools.ts';

export interface BenchOptions {
  readonly repository: string;
  readonly folder: string;
}

/** What was asked for on the command line; `run.mjs` has the defaults. */
export interface ContestValues {
  readonly peers: readonly string[];
  readonly seconds: number;
  readonly rounds: number;
  readonly mtu: readonly number[];
  readonly columns: readonly Column[];
}

interface Bench extends BenchOptions {
  readonly seconds: number;
  readonly rounds: number;
  readonly columns: readonly Column[];
}

/** Of the guest's iperf3. */
const GUEST_PORT = '5201';

export async function runBench({
  values,
  ...options
}: BenchOptions & { readonly values: ContestValues }): Promise<void> {
  run(join(options.repository, 'orlop'), 'version');
  const chosen = presentPeers(peers, values.peers);
  const { seconds, rounds, columns } = values;
  for (const mtu of values.mtu) {
    const reports = await compare(chosen, { ...options, seconds, rounds, columns, mtu });
    printReport({ mtu, columns, reports });
  }
}

async function compare(chosen: readonly Peer[], bench: Bench & { mtu: number }): Promise<PeerReport[]> {
  try {
    return await contest(chosen, { ...bench, bringUp: (peer, servers) => bringUp(peer, servers, bench) });
  } finally {
    for (const peer of chosen) run('sh', '-c', `ip netns del ${namespaceOf(peer)} 2>/dev/null || true`);
  }
}

function namespaceOf(peer: Peer): string {
  return `orlop-bench-${peer.name}`;
}

async function bringUp(peer: Peer, servers: Servers, bench: Bench & { mtu: number }): Promise<Contestant> {
  const { repository, mtu, seconds } = bench;
  const namespace = namespaceOf(peer);
  const folder = join(bench.folder, `${peer.name}-${mtu}`);
  mkdirSync(folder, { recursive: true });
  run('sh', '-c', `ip netns del ${namespace} 2>/dev/null; ip netns add ${namespace}`);
  run('ip', '-n', namespace, 'link', 'set', 'lo', 'up');
  // Thousands of connections a second use up the ports that TIME-WAIT holds, and the client's kernel gets slow.
  for (const setting of ['net.ipv4.tcp_tw_reuse=1', 'net.ipv4.ip_local_port_range=1024 65535']) {
    run('ip', 'netns', 'exec', namespace, 'sysctl', '-qw', setting);
  }
  const server = start(
    join(folder, 'guest.log'),
    ...(['ip', 'netns', 'exec', namespace, 'iperf3', '-s', '-p', GUEST_PORT] as const),
  );
  const forwardPort = await freePort();
  const running = await peer.up({ repository, folder, namespace, mtu, forwardPort });
  const place = {
    inGuest: ['ip', 'netns', 'exec', namespace],
    rrScript: join(repository, 'bench/network/rr.py'),
    hostAddress: running.hostAddress,
    servers,
    forwardPort,
    seconds,
  };
  await until('the host', () => exchanges('tcp', { ...place, seconds: 0.05 }));
  const close = async () => {
    await running.close();
    await stop(server);
  };
  return { name: peer.name, place, pid: running.pid, rounds: new Map(), close };
}
