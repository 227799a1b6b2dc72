import type { DiskReclaim } from '@orlop/api';
import type { Logger } from '@orlop/core';
import type { DiskBackup } from '@orlop/vm';
import { diskUsage } from './data-disk.ts';
import type { LiveEngine } from './start-engine.ts';

/** The data disk is the machine's only one beside its root. */
const DATA_DISK = 0;

/** Copies the data disk of an engine that runs: its file system stands still only until the copy has begun. */
export async function copyLiveDisk(live: LiveEngine, to: string, logger: Logger): Promise<void> {
  const { agent, machine } = live;
  let backup: DiskBackup | undefined;
  const begin = async () => {
    backup = await machine.backupDisk(DATA_DISK, to);
  };
  try {
    await agent.whileFrozen(begin);
  } catch (error) {
    if (backup === undefined) {
      // As after a power cut, which the file system's journal mends.
      logger.warn('the disk is copied without being frozen', { reason: String(error) });
      await machine.pause();
      try {
        await begin();
      } finally {
        await machine.resume();
      }
    }
  }
  await backup?.finish();
}

/** Gives back blocks that no file has. */
export async function reclaimLiveDisk({ agent }: LiveEngine, path: string): Promise<DiskReclaim> {
  const before = await diskUsage(path);
  const trimmedBytes = await agent.trim();
  const after = await diskUsage(path);
  return { beforeBytes: before.usedBytes, afterBytes: after.usedBytes, trimmedBytes };
}
