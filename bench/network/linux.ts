import type { LinkConditions } from '@orlop/netstack';
import { Poller } from '../../packages/vnet/src/native/poller.ts';
import { LinuxPeer } from '../../packages/vnet/src/testing/linux-peer.ts';

/** Each row of the grid, and how many bytes each way keep it to seconds, by MTU. */
const ROWS: readonly {
  readonly name: string;
  readonly conditions?: LinkConditions;
  readonly scale: number;
}[] = [
  { name: 'clean', scale: 8 },
  { name: 'delay 2 ms', conditions: { delayMs: 2 }, scale: 4 },
  { name: 'loss 2 %, delay 2 ms', conditions: { loss: 0.02, delayMs: 2 }, scale: 1 },
  { name: 'reorder 20 %', conditions: { reorder: 0.2, reorderMs: 4, delayMs: 2 }, scale: 1 },
  { name: 'duplicate 5 %', conditions: { duplicate: 0.05, delayMs: 2 }, scale: 2 },
  {
    name: 'all of these, 1 % corrupt',
    conditions: { loss: 0.02, reorder: 0.2, reorderMs: 4, duplicate: 0.05, corrupt: 0.01, delayMs: 2 },
    scale: 0.3,
  },
];
const MTUS = [576, 1500, 9000, 65_520] as const;
const BYTES: Readonly<Record<(typeof MTUS)[number], number>> = {
  576: 400_000,
  1500: 1_000_000,
  9000: 3_000_000,
  65520: 6_000_000,
};
const SEEDS = [1, 2, 3];

/** Megabits a second, both ways together, the hashes included; the median of three seeds. */
export async function runLinuxGrid(): Promise<void> {
  const linux = new LinuxPeer('orlop-bench-linux', new Poller(process.platform, process.arch));
  try {
    console.log(`| | ${MTUS.join(' | ')} |\n|---|${MTUS.map(() => '---|').join('')}`);
    for (const [row, { name, conditions, scale }] of ROWS.entries()) {
      const cells: string[] = [];
      for (const mtu of MTUS) {
        const rates: number[] = [];
        for (const seed of SEEDS) {
          const bytes = Math.round(BYTES[mtu] * scale);
          const link = { device: `b${row}m${mtu}s${seed}`, mtu, version: 4, seed, conditions } as const;
          const { toLinux, fromLinux, seconds } = await linux.transfer({ ...link, bytes });
          const whole = [toLinux, fromLinux].every(({ given, got }) => given.hash === got.hash);
          if (!whole) throw new Error(`${name}, MTU ${mtu}, seed ${seed}: not the bytes that were sent`);
          rates.push((2 * bytes * 8) / seconds / 1e6);
        }
        cells.push((rates.sort((one, other) => one - other)[1] ?? 0).toFixed(0));
      }
      console.log(`| ${name} | ${cells.join(' | ')} |`);
    }
  } finally {
    linux.close();
  }
}
