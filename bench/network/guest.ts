import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@orlop/testkit';
import type { BenchOptions, ContestValues } from './bench.ts';
import type { Column } from './columns.ts';
import { type Contestant, contest, presentPeers } from './contest.ts';
import { type GuestPeer, guestPeers } from './guest-peers.ts';
import {
  BOOT_SECONDS,
  buildGuest,
  GUEST_IPERF_PORT,
  GUEST_SHELL_PORT,
  inGuestAt,
  startMachine,
} from './machine.ts';
import { exchanges, type Servers } from './measure.ts';
import { printReport } from './report.ts';
import { stop, until } from './tools.ts';

/** gvproxy gives 192.168.127.2 to this one. */
const MAC = '5a:94:ef:e4:0c:ee';
interface GuestBench extends BenchOptions {
  readonly seconds: number;
  readonly rounds: number;
  readonly columns: readonly Column[];
  readonly mtu: number;
  /** The image's kernel and initial RAM disk. */
  readonly image: string;
}

/** The same columns with a QEMU machine as the guest: the same kernel and image for every peer. */
export async function runGuestBench({
  values,
  ...options
}: BenchOptions & { readonly values: ContestValues }): Promise<void> {
  const chosen = presentPeers(guestPeers, values.peers);
  const bench = {
    seconds: values.seconds,
    rounds: values.rounds,
    columns: values.columns,
    image: buildGuest(options.repository, options.folder),
  };
  for (const mtu of values.mtu) {
    const able = chosen.filter((peer) => mtu <= peer.maxMtu);
    const all = { ...options, ...bench, mtu };
    const reports = await contest(able, {
      ...all,
      bringUp: (peer, servers) => bringUp(peer, servers, all),
    });
    printReport({ mtu, columns: values.columns, reports });
  }
}

async function bringUp(peer: GuestPeer, servers: Servers, bench: GuestBench): Promise<Contestant> {
  const { repository, mtu, image } = bench;
  const folder = join(bench.folder, `${peer.name}-${mtu}`);
  mkdirSync(folder, { recursive: true });
  const forwardPort = await freePort();
  const shellPort = await freePort();
  const network = await peer.up({
    ...{ repository, folder, mtu },
    forwards: [
      [forwardPort, GUEST_IPERF_PORT],
      [shellPort, GUEST_SHELL_PORT],
    ],
  });
  let machine: ChildProcess | undefined;
  const close = async () => {
    await stop(machine);
    await network.close();
  };
  try {
    machine = startMachine({ folder, image, netdev: network.netdev, mac: MAC, mtu });
    const place = {
      inGuest: inGuestAt(repository, shellPort),
      rrScript: '/usr/bin/rr.py',
      hostAddress: network.hostAddress,
      servers,
      forwardPort,
      seconds: bench.seconds,
    };
    const startedMs = performance.now();
    await until('the guest', () => exchanges('tcp', { ...place, seconds: 0.2 }), BOOT_SECONDS);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
    console.error(`${peer.name}, MTU ${mtu}: the guest answers after ${seconds} s`);
    const pid = network.pid ?? machine.pid ?? 0;
    return { name: peer.name, place, pid, rounds: new Map(), close };
  } catch (error) {
    await close();
    throw error;
  }
}
