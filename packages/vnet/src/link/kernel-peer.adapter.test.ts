import type { LinkConditions } from '@orlop/netstack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Poller } from '../native/poller.ts';
import { LinuxPeer } from '../testing/linux-peer.ts';

interface Case {
  readonly name: string;
  readonly mtu: number;
  readonly bytes: number;
  readonly conditions?: LinkConditions;
}

const CASES: readonly Case[] = [
  { name: 'clean, MTU 576', mtu: 576, bytes: 1_000_000 },
  { name: 'clean, MTU 1500', mtu: 1500, bytes: 4_000_000 },
  { name: 'clean, MTU 9000', mtu: 9000, bytes: 10_000_000 },
  { name: 'clean, MTU 65520', mtu: 65_520, bytes: 30_000_000 },
  { name: 'loss 2 %, delay 2 ms', mtu: 1500, bytes: 1_000_000, conditions: { loss: 0.02, delayMs: 2 } },
  {
    name: 'loss 2 %, delay 2 ms, MTU 65520',
    mtu: 65_520,
    bytes: 4_000_000,
    conditions: { loss: 0.02, delayMs: 2 },
  },
  {
    name: 'everything, MTU 65520',
    mtu: 65_520,
    bytes: 3_000_000,
    conditions: { loss: 0.01, reorder: 0.1, reorderMs: 4, duplicate: 0.03, delayMs: 2 },
  },
  {
    name: 'reorder 20 %, duplicate 5 %, MTU 9000',
    mtu: 9000,
    bytes: 2_000_000,
    conditions: { reorder: 0.2, reorderMs: 4, duplicate: 0.05, delayMs: 2 },
  },
  {
    name: 'reorder 20 %, duplicate 5 %',
    mtu: 1500,
    bytes: 1_000_000,
    conditions: { reorder: 0.2, reorderMs: 4, duplicate: 0.05, delayMs: 2 },
  },
  {
    name: 'everything',
    mtu: 576,
    bytes: 200_000,
    conditions: { loss: 0.03, reorder: 0.1, reorderMs: 4, duplicate: 0.03, corrupt: 0.01, delayMs: 3 },
  },
];

describe('Linux as the peer of our TCP', () => {
  let linux: LinuxPeer;

  beforeAll(() => {
    linux = new LinuxPeer(`orlop-kernel-${process.pid}`, new Poller(process.platform, process.arch));
  });

  afterAll(() => {
    linux.close();
  });

  for (const [index, { name, mtu, bytes, conditions }] of CASES.entries()) {
    for (const version of mtu < 1280 ? ([4] as const) : ([4, 6] as const)) {
      it(`gets and gives every byte once, in order, and closes: ${name}, IPv${version}`, async () => {
        const link = { device: `k${index}v${version}`, mtu, version, seed: index + 1, conditions };
        const { toLinux, fromLinux } = await linux.transfer({ ...link, bytes });
        expect(toLinux.got).toEqual(toLinux.given);
        expect(fromLinux.got).toEqual(fromLinux.given);
        expect([toLinux.given.count, fromLinux.given.count]).toEqual([bytes, bytes]);
      });
    }
  }
});
