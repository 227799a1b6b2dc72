/**
 * Throughput in virtual time over links with loss, delay and reordering, for each congestion control, with and
 * without SACK: 5 MB one way, Mbit/s, median of five seeds. Deterministic: a change of these figures is a change
 * of behaviour.
 * Run: node bench/netstack/run.mjs loss
 */
import type { LinkConditions, TcpSettings } from '@orlop/netstack';
import { runTransfer } from '../../packages/netstack/src/testing/transfer.ts';
import { twoHosts } from '../../packages/netstack/src/testing/two-hosts.ts';

const LINKS: Record<string, LinkConditions> = {
  '100 Mbit/s, 10 ms': { bytesPerMs: 12_500, delayMs: 5, queueFrames: 100 },
  '100 Mbit/s, 10 ms, loss 0.1 %': { bytesPerMs: 12_500, delayMs: 5, loss: 0.001, queueFrames: 100 },
  '100 Mbit/s, 10 ms, loss 1 %': { bytesPerMs: 12_500, delayMs: 5, loss: 0.01, queueFrames: 100 },
  '100 Mbit/s, 10 ms, loss 5 %': { bytesPerMs: 12_500, delayMs: 5, loss: 0.05, queueFrames: 100 },
  '100 Mbit/s, 10 ms, reorder 1 %': { bytesPerMs: 12_500, delayMs: 5, reorder: 0.01, queueFrames: 100 },
  '10 Mbit/s, 100 ms, short queue': { bytesPerMs: 1250, delayMs: 50, queueFrames: 90 },
};

const STACKS: Record<string, TcpSettings> = {
  'cubic + SACK': {},
  'reno + SACK': { congestion: 'reno' },
  cubic: { selectiveAcknowledgment: false },
  reno: { congestion: 'reno', selectiveAcknowledgment: false },
};

const BYTES = 5_000_000;
console.log(
  `${''.padEnd(32)}${Object.keys(STACKS)
    .map((name) => name.padStart(14))
    .join('')}`,
);
for (const [linkName, conditions] of Object.entries(LINKS)) {
  const cells = Object.values(STACKS).map((tcp) => {
    const speeds = [1, 2, 3, 4, 5].map((seed) => {
      const hosts = twoHosts({ seed, conditions, stack: { tcp } });
      const result = runTransfer({ hosts, upBytes: BYTES, downBytes: 0 });
      return result.finished ? (BYTES * 8) / result.elapsedMs / 1000 : 0;
    });
    return speeds
      .sort((a, b) => a - b)[2]
      .toFixed(1)
      .padStart(14);
  });
  console.log(`${linkName.padEnd(32)}${cells.join('')}`);
}
