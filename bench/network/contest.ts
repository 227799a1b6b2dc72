import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@orlop/testkit';
import type { Column } from './columns.ts';
import { measure, type Place, type Servers } from './measure.ts';
import type { Measured, PeerReport } from './report.ts';
import { cpuSecondsOf, type Memory, memoryOf, start, stop } from './tools.ts';

/** A peer that is up, and what was measured of it so far. */
export interface Contestant {
  readonly name: string;
  readonly place: Place;
  /** The process that moves the bytes. */
  readonly pid: number;
  readonly rounds: Map<Column, (Measured | undefined)[]>;
  close(): Promise<void>;
}

/** All peers are left alone for so long before their memory at rest is looked at. */
const REST_MS = 20_000;

export interface ContestOptions<Peer> {
  readonly repository: string;
  readonly folder: string;
  readonly rounds: number;
  readonly columns: readonly Column[];
  readonly bringUp: (peer: Peer, servers: Servers) => Promise<Contestant>;
}

/** Those of the peers named whose programs are there; the others are said. */
export function presentPeers<Peer extends { readonly name: string; missing(): string | undefined }>(
  peers: readonly Peer[],
  names: readonly string[],
): Peer[] {
  return peers.filter((peer) => {
    if (!names.includes(peer.name)) return false;
    const why = peer.missing();
    if (why !== undefined) console.log(`${peer.name}: left out, ${why}`);
    return why === undefined;
  });
}

/** All peers are up at once and measured in turn, column by column and round by round. */
export async function contest<Peer extends { readonly name: string }>(
  peers: readonly Peer[],
  { repository, folder, rounds, columns, bringUp }: ContestOptions<Peer>,
): Promise<PeerReport[]> {
  const rrServer = join(repository, 'bench/network/rr.py');
  const ports = { iperfPort: await freePort(), rrPort: await freePort() };
  const servers = [
    start(join(folder, 'iperf3.log'), 'iperf3', '-s', '-B', '127.0.0.1', '-p', String(ports.iperfPort)),
    start(join(folder, 'rr.log'), 'python3', rrServer, 'serve', '127.0.0.1', String(ports.rrPort)),
  ];
  const contestants: Contestant[] = [];
  try {
    for (const peer of peers) {
      const contestant = await bringUp(peer, ports).catch((error: Error) => {
        console.error(`${peer.name}: ${error.message}`);
        return undefined;
      });
      if (contestant !== undefined) contestants.push(contestant);
    }
    await sleep(REST_MS);
    const idle = contestants.map(({ pid }) => memoryOf(pid));
    for (const column of columns) {
      for (let round = 0; round < rounds; round++) {
        for (const contestant of contestants) await measureRound(column, contestant);
      }
    }
    return contestants.map((contestant, index) => reportOf(contestant, idle[index]));
  } finally {
    for (const contestant of contestants) await contestant.close();
    for (const server of servers) await stop(server);
  }
}

/** Adds one measurement; a failure is said, and leaves a gap. */
async function measureRound(column: Column, { name, place, pid, rounds }: Contestant): Promise<void> {
  const list = rounds.get(column) ?? [];
  rounds.set(column, list);
  const before = cpuSecondsOf(pid);
  try {
    const sample = measure(column, place);
    list.push({ ...sample, cpuSeconds: cpuSecondsOf(pid) - before });
  } catch (error) {
    list.push(undefined);
    const said = error instanceof Error ? error.message.split('\n').slice(0, 2).join(' ') : String(error);
    console.error(`${name}, ${column}: ${said}`);
    await sleep(500);
  }
}

function reportOf({ name, rounds, pid }: Contestant, idle: Memory | undefined): PeerReport {
  return { name, rounds, idle, loaded: memoryOf(pid) };
}
