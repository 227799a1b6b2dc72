import { chmod, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { vmError } from '../errors.ts';
import type { DiskBackup } from '../machine.ts';
import { ensureDisk } from './disk-image.ts';

/** Gives QEMU one command of its machine protocol. */
type Execute = (command: string, args?: Readonly<Record<string, unknown>>) => Promise<unknown>;

interface Job {
  readonly id: string;
  readonly status: string;
  readonly error?: string;
}

interface BackupPaths {
  /** QEMU's name for the disk. */
  readonly node: string;
  readonly from: string;
  readonly to: string;
  /** Where qemu-img is looked for. */
  readonly searchPath: string;
}

const POLL_MS = 50;

/**
 * Begins to copy a disk as it is at this moment into a new qcow2 file (0600) while the guest goes on: QEMU copies what the
 * guest is about to overwrite first (`blockdev-backup`, QEMU's qapi/block-core.json). Not raw: QEMU writes the holes of the
 * source as allocated zeros there, which takes the disk's whole size.
 */
export async function beginDiskBackup(
  execute: Execute,
  { node, from, to, searchPath }: BackupPaths,
): Promise<DiskBackup> {
  await ensureDisk({ path: to, format: 'qcow2', sizeBytes: (await stat(from)).size }, { searchPath });
  await chmod(to, 0o600);
  const copy = `${node}-backup`;
  await execute('blockdev-add', {
    driver: 'qcow2',
    'node-name': copy,
    file: { driver: 'file', filename: to },
  });
  const job = { 'job-id': copy, device: node, target: copy, sync: 'full', 'auto-dismiss': false };
  try {
    await execute('blockdev-backup', job);
  } catch (error) {
    await execute('blockdev-del', { 'node-name': copy });
    throw error;
  }
  return { finish: (options) => finishBackup(execute, copy, options?.signal) };
}

async function finishBackup(execute: Execute, id: string, signal: AbortSignal | undefined): Promise<void> {
  let ended: Job | undefined;
  let cancelled = false;
  while (ended === undefined) {
    await sleep(POLL_MS);
    const jobs = (await execute('query-jobs')) as readonly Job[];
    const found = jobs.find((job) => job.id === id);
    if (found === undefined) throw vmError('vm.disk-failed', `QEMU no longer knows of the copy "${id}"`);
    if (found.status === 'concluded') ended = found;
    else if (signal?.aborted === true && !cancelled) {
      cancelled = true;
      await execute('job-cancel', { id });
    }
  }
  await execute('job-dismiss', { id });
  await execute('blockdev-del', { 'node-name': id });
  if (cancelled) throw vmError('vm.cancelled', 'the copy of the disk was given up');
  if (ended.error !== undefined) throw vmError('vm.disk-failed', `the disk was not copied: ${ended.error}`);
}
