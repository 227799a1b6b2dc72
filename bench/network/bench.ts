import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Peer, peers, type RunningPeer } from './peers.ts';
import { run, start, stop, until, usage } from './tools.ts';

export interface BenchOptions {
  readonly repository: string;
  readonly folder: string;
  readonly argv: readonly string[];
}

/** One line of the table; undefined where the measurement failed. */
type Row = Record<Column, number | undefined>;

const COLUMNS = [
  'g→h',
  'h→g',
  'fwd h→g',
  'fwd g→h',
  'crr/s',
  'crr p50',
  'crr p99',
  'tcp rr/s',
  'udp rr/s',
  'MiB',
] as const;
type Column = (typeof COLUMNS)[number];
/** Columns in which less is better. */
const LESS_IS_BETTER: readonly Column[] = ['crr p50', 'crr p99', 'MiB'];

const IPERF_PORT = 15_201;
const RR_PORT = 15_301;
const FORWARD_PORT = 15_401;
const NAMESPACE = 'orlop-bench';

export async function runBench(options: BenchOptions): Promise<void> {
  const { values } = parseArgs({
    args: [...options.argv],
    options: {
      seconds: { type: 'string', default: '3' },
      mtu: { type: 'string', default: '1500,65520' },
      peers: { type: 'string', default: peers.map((peer) => peer.name).join(',') },
      rounds: { type: 'string', default: '1' },
    },
  });
  run(join(options.repository, 'orlop'), 'version');
  for (const mtu of values.mtu.split(',').map(Number)) {
    const rows = new Map<string, Row[]>();
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const peer of peers.filter((one) => values.peers.split(',').includes(one.name))) {
        const why = peer.missing();
        if (why !== undefined) {
          console.log(`${peer.name}: left out, ${why}`);
          continue;
        }
        const row = await measure(peer, { ...options, mtu, seconds: values.seconds }).catch(
          (error: Error) => {
            console.error(`${peer.name}: ${error.message}`);
            return undefined;
          },
        );
        if (row === undefined) continue;
        rows.set(peer.name, [...(rows.get(peer.name) ?? []), row]);
      }
    }
    print(mtu, new Map([...rows].map(([name, list]) => [name, medians(list)])));
  }
}

interface MeasureOptions extends BenchOptions {
  readonly mtu: number;
  readonly seconds: string;
}

async function measure(peer: Peer, options: MeasureOptions): Promise<Row> {
  const { repository, mtu, seconds } = options;
  const folder = join(options.folder, `${peer.name}-${mtu}`);
  mkdirSync(folder, { recursive: true });
  run(
    'sh',
    '-c',
    `ip netns del ${NAMESPACE} 2>/dev/null; ip netns add ${NAMESPACE} && ip -n ${NAMESPACE} link set lo up`,
  );
  // Thousands of connections a second use up the ports that TIME-WAIT holds, and the client's kernel gets slow.
  for (const setting of ['net.ipv4.tcp_tw_reuse=1', 'net.ipv4.ip_local_port_range=1024 65535']) {
    run('ip', 'netns', 'exec', NAMESPACE, 'sysctl', '-qw', setting);
  }
  const servers = [
    start(join(folder, 'iperf3.log'), 'iperf3', '-s', '-B', '127.0.0.1', '-p', String(IPERF_PORT)),
    start(
      join(folder, 'rr.log'),
      'python3',
      join(repository, 'bench/network/rr.py'),
      'serve',
      '127.0.0.1',
      String(RR_PORT),
    ),
    start(join(folder, 'guest.log'), 'ip', 'netns', 'exec', NAMESPACE, 'iperf3', '-s', '-p', '5201'),
  ];
  let running: RunningPeer | undefined;
  try {
    running = await peer.up({ repository, folder, namespace: NAMESPACE, mtu, forwardPort: FORWARD_PORT });
    const { hostAddress, pid } = running;
    await until('the host', () => rr('tcp', hostAddress, '0.05', repository));
    const iperf = (...extra: string[]) =>
      iperf3(['ip', 'netns', 'exec', NAMESPACE], hostAddress, IPERF_PORT, seconds, extra);
    const forwarded = (...extra: string[]) => iperf3([], '127.0.0.1', FORWARD_PORT, seconds, extra);
    const row: Partial<Row> = {};
    row['g→h'] = await attempt(() => iperf());
    row['h→g'] = await attempt(() => iperf('-R'));
    row['fwd h→g'] = await attempt(() => forwarded());
    row['fwd g→h'] = await attempt(() => forwarded('-R'));
    const crr = await attempt(() => rr('crr', hostAddress, seconds, repository));
    [row['crr/s'], row['crr p50'], row['crr p99']] = crr ?? [];
    row['tcp rr/s'] = (await attempt(() => rr('tcp', hostAddress, seconds, repository)))?.[0];
    row['udp rr/s'] = (await attempt(() => rr('udp', hostAddress, seconds, repository)))?.[0];
    row['MiB'] = usage(pid).mebibytes;
    return row as Row;
  } finally {
    await running?.close();
    for (const server of servers) await stop(server);
    run('ip', 'netns', 'del', NAMESPACE);
    await sleep(200);
  }
}

async function attempt<T>(measurement: () => T): Promise<T | undefined> {
  try {
    return measurement();
  } catch (error) {
    console.error(error instanceof Error ? error.message.split('\n').slice(0, 3).join(' ') : error);
    await sleep(1000);
    return undefined;
  }
}

/** Gbit/s as the receiver saw it. */
function iperf3(
  prefix: readonly string[],
  host: string,
  port: number,
  seconds: string,
  extra: readonly string[],
): number {
  const command = [
    ...prefix,
    'iperf3',
    '-J',
    '-c',
    host,
    '-p',
    String(port),
    '-t',
    seconds,
    '-O',
    '0.5',
    ...extra,
  ];
  const [program = '', ...rest] = ['timeout', String(Number(seconds) + 8), ...command];
  const result = JSON.parse(run(program, ...rest)) as { end: { sum_received: { bits_per_second: number } } };
  return result.end.sum_received.bits_per_second / 1e9;
}

function rr(mode: string, host: string, seconds: string, repository: string): number[] {
  const script = join(repository, 'bench/network/rr.py');
  const text = run('ip', 'netns', 'exec', NAMESPACE, 'python3', script, mode, host, String(RR_PORT), seconds);
  return text.trim().split(' ').map(Number);
}

function medians(rows: readonly Row[]): Row {
  const of = (column: Column) => {
    const values = rows.map((row) => row[column]).filter((value) => value !== undefined);
    return values.sort((a, b) => a - b)[values.length >>> 1];
  };
  return Object.fromEntries(COLUMNS.map((column) => [column, of(column)])) as Row;
}

function print(mtu: number, rows: ReadonlyMap<string, Row>): void {
  const own = rows.get('orlop');
  const width = 12;
  console.log(`\nMTU ${mtu} (Gbit/s; per second; microseconds)`);
  console.log(['peer'.padEnd(14), ...COLUMNS.map((column) => column.padStart(width))].join(''));
  for (const [name, row] of rows) {
    const cells = COLUMNS.map((column) => format(row[column]).padStart(width));
    console.log([name.padEnd(14), ...cells].join(''));
    if (own === undefined || name === 'orlop') continue;
    const ratios = COLUMNS.map((column) => {
      const [mine, theirs] = [own[column], row[column]];
      if (mine === undefined || theirs === undefined) return '-'.padStart(width);
      const ratio = LESS_IS_BETTER.includes(column) ? theirs / mine : mine / theirs;
      return `×${ratio.toFixed(2)}`.padStart(width);
    });
    console.log([`  orlop is`.padEnd(14), ...ratios].join(''));
  }
}

function format(value: number | undefined): string {
  if (value === undefined) return 'failed';
  return value < 100 ? value.toFixed(2) : value.toFixed(0);
}
