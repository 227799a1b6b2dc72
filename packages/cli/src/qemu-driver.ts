import { randomFillSync } from 'node:crypto';
import { QemuDriver } from '@orlop/vm';
import type { CommandContext } from './context.ts';

/** The clock of this host. */
export const hostClock = { monotonicMs: () => performance.now(), wallMs: () => Date.now() };

const hostRandom = {
  fill: (into: Uint8Array) => void randomFillSync(into),
  u32: () => randomFillSync(new Uint32Array(1))[0] ?? 0,
};

/** @param programs what to use in place of the QEMU and virtiofsd that are found */
export function createQemuDriver(
  { logger, env }: CommandContext,
  programs: { readonly qemu?: string; readonly virtiofsd?: string } = {},
): QemuDriver {
  return new QemuDriver({
    ...{ clock: hostClock, random: hostRandom, logger, programs },
    searchPath: env['PATH'] ?? '',
  });
}
