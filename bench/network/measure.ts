import type { Column } from './columns.ts';
import { run } from './tools.ts';

/** One measurement: Gbit/s, or exchanges a second with their times in microseconds. */
export interface Sample {
  readonly rate: number;
  /** Gigabytes, or exchanges with those of the warm-up, for what one costs in processor time. */
  readonly amount: number;
  /** Exchanges a second of the warm-up that the rate leaves out. */
  readonly warmUpRate?: number;
  readonly p50?: number;
  readonly p99?: number;
}

/** Ports of the host's loopback: another run of the benchmark has others. */
export interface Servers {
  readonly iperfPort: number;
  readonly rrPort: number;
}

export interface Place {
  /** What runs a command in the guest, when put before it. */
  readonly inGuest: readonly string[];
  /** Where rr.py is in the guest. */
  readonly rrScript: string;
  /** Where the guest reaches the host's loopback. */
  readonly hostAddress: string;
  readonly servers: Servers;
  /** A port of the host's loopback that leads to the guest's iperf3. */
  readonly forwardPort: number;
  readonly seconds: number;
}

/** Left out of the figures: slow start, and code that is compiled; of all peers alike. */
const OMIT_SECONDS = 0.3;
export const WARM_UP_SECONDS = 1.5;

/** @throws Error when a client fails */
export function measure(column: Column, place: Place): Sample {
  const guest = { prefix: place.inGuest, host: place.hostAddress, port: place.servers.iperfPort };
  const forwarded = { prefix: [], host: '127.0.0.1', port: place.forwardPort };
  switch (column) {
    case 'g→h':
      return iperf3(place, guest);
    case 'h→g':
      return iperf3(place, guest, '-R');
    case 'fwd h→g':
      return iperf3(place, forwarded);
    case 'fwd g→h':
      return iperf3(place, forwarded, '-R');
    case 'crr':
      return exchanges('crr', place, WARM_UP_SECONDS);
    case 'tcp rr':
      return exchanges('tcp', place, WARM_UP_SECONDS);
    case 'udp rr':
      return exchanges('udp', place, WARM_UP_SECONDS);
  }
}

interface Way {
  readonly prefix: readonly string[];
  readonly host: string;
  readonly port: number;
}

/** As the receiver saw it. */
function iperf3(place: Place, { prefix, host, port }: Way, ...extra: readonly string[]): Sample {
  const client = ['iperf3', '-J', '-c', host, '-p', String(port), '-t', String(place.seconds)];
  const command = [...prefix, ...client, '-O', String(OMIT_SECONDS), ...extra];
  const text = run('timeout', String(place.seconds + 15), ...command);
  const { sum_received: received } = (JSON.parse(text) as { end: IperfEnd }).end;
  return { rate: received.bits_per_second / 1e9, amount: received.bytes / 1e9 };
}

interface IperfEnd {
  readonly sum_received: { readonly bits_per_second: number; readonly bytes: number };
}

export function exchanges(mode: string, place: Place, warmUpSeconds = 0): Sample {
  const { inGuest, rrScript, hostAddress, servers, seconds } = place;
  const client = ['python3', rrScript, mode, hostAddress, String(servers.rrPort), String(seconds)];
  if (warmUpSeconds > 0) client.push(String(warmUpSeconds));
  const text = run('timeout', String(seconds + warmUpSeconds + 15), ...inGuest, ...client);
  const [rate = 0, p50 = 0, p99 = 0, count = 0, before = 0] = text.trim().split(' ').map(Number);
  // What runs in a machine says by its words alone that it failed.
  if (!(rate > 0)) throw new Error(`${client.join(' ')}: ${text}`);
  return { rate, amount: count + before, p50, p99, warmUpRate: before / warmUpSeconds };
}
