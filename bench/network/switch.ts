import { join } from 'node:path';
import type { BenchOptions } from './bench.ts';
import { buildGuest } from './machine.ts';
import { exchanges } from './measure.ts';
import { orlopNetUp } from './orlop-network.ts';
import { printColumns } from './print-columns.ts';
import { betweenMachines } from './switch-machines.ts';
import { run, start, stop, until } from './tools.ts';

const NAMESPACES = ['orlop-bench-switch-a', 'orlop-bench-switch-b'] as const;
const ADDRESSES = ['192.168.127.2', '192.168.127.3'] as const;
const SERVERS = { iperfPort: 5201, rrPort: 7001 };

/** Two namespaces on one switch, each other's only traffic. */
export async function runSwitchBench({
  values,
  ...options
}: BenchOptions & {
  readonly values: { readonly seconds: number; readonly mtu: readonly number[]; readonly qemu: boolean };
}): Promise<void> {
  run(join(options.repository, 'orlop'), 'version');
  const { seconds } = values;
  const machines = values.qemu ? buildGuest(options.repository, options.folder) : undefined;
  for (const mtu of values.mtu) {
    if (machines === undefined) await between(options, seconds, mtu);
    else await betweenMachines({ ...options, seconds, mtu, image: machines });
  }
}

async function between({ repository, folder }: BenchOptions, seconds: number, mtu: number): Promise<void> {
  for (const namespace of NAMESPACES) {
    run('sh', '-c', `ip netns del ${namespace} 2>/dev/null; ip netns add ${namespace}`);
    run('ip', '-n', namespace, 'link', 'set', 'lo', 'up');
  }
  const [a, b] = NAMESPACES;
  const rrScript = join(repository, 'bench/network/rr.py');
  const children = [
    start(
      join(folder, 'orlop.log'),
      ...orlopNetUp(repository, join(folder, `home-${mtu}`)),
      ...['switch', '--mtu', String(mtu)],
      ...NAMESPACES.flatMap((namespace) => ['--listen', `tap:tap0@${namespace}`]),
    ),
  ];
  const pid = children[0]?.pid ?? 0;
  try {
    await until('the network', () => {
      for (const namespace of NAMESPACES) run('ip', '-n', namespace, 'link', 'show', 'tap0');
    });
    for (const [index, namespace] of NAMESPACES.entries()) {
      run('ip', '-n', namespace, 'link', 'set', 'tap0', 'mtu', String(mtu), 'up');
      run('ip', '-n', namespace, 'addr', 'add', `${ADDRESSES[index]}/24`, 'dev', 'tap0');
    }
    const log = join(folder, 'servers.log');
    const inB = ['netns', 'exec', b];
    children.push(
      start(log, 'ip', ...inB, 'iperf3', '-s', '-p', String(SERVERS.iperfPort)),
      start(log, 'ip', ...inB, 'python3', rrScript, 'serve', ADDRESSES[1], String(SERVERS.rrPort)),
    );
    const place = {
      ...{ inGuest: ['ip', 'netns', 'exec', a], rrScript, hostAddress: ADDRESSES[1] },
      ...{ servers: SERVERS, forwardPort: 0, seconds },
    };
    await until('the servers', () => exchanges('tcp', { ...place, seconds: 0.2 }));
    printColumns(`MTU ${mtu}: from guest to guest`, place, pid);
  } finally {
    for (const child of children) await stop(child);
    for (const namespace of NAMESPACES) run('ip', 'netns', 'del', namespace);
  }
}
