import { chmod, rm } from 'node:fs/promises';
import type { DiskReclaim } from '@orlop/api';
import type { Logger } from '@orlop/core';
import { type DiskBackup, qemuImgProgram, requireProgram, runTool } from '@orlop/vm';
import { engineError } from '../errors.ts';
import { diskUsage } from './data-disk.ts';
import type { LiveEngine } from './live-engine.ts';

/** The data disk is the machine's only one beside its root. */
const DATA_DISK = 0;
const CONVERT_TIMEOUT_MS = 3_600_000;

interface CopySurroundings {
  readonly logger: Logger;
  /** Where qemu-img is looked for. */
  readonly searchPath: string;
  readonly signal?: AbortSignal;
}

/** Copies the data disk of an engine that runs: its file system stands still only until the copy has begun. */
export async function copyLiveDisk(live: LiveEngine, to: string, around: CopySurroundings): Promise<void> {
  const { searchPath, signal } = around;
  const copy = `${to}.qcow2`;
  await rm(copy, { force: true });
  try {
    await backUp(live, copy, around);
    const program = await requireProgram(qemuImgProgram.name, {
      searchPath,
      debianPackage: qemuImgProgram.debianPackage,
    });
    const words = ['convert', '-f', 'qcow2', '-O', 'raw', '--', copy, to];
    const { status, stderr } = await runTool(program, words, {
      timeoutMs: CONVERT_TIMEOUT_MS,
      ...(signal && { signal }),
    });
    if (status !== 0)
      throw engineError('engine.snapshot-failed', `the disk could not be copied: ${stderr.trim()}`);
    await chmod(to, 0o600);
  } finally {
    await rm(copy, { force: true });
  }
}

async function backUp(
  { agent, machine }: LiveEngine,
  to: string,
  { logger, signal }: CopySurroundings,
): Promise<void> {
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
  await backup?.finish(signal && { signal });
}

/** Gives back blocks that no file has. */
export async function reclaimLiveDisk({ agent }: LiveEngine, path: string): Promise<DiskReclaim> {
  const before = await diskUsage(path);
  const trimmedBytes = await agent.trim();
  const after = await diskUsage(path);
  return { beforeBytes: before.usedBytes, afterBytes: after.usedBytes, trimmedBytes };
}
