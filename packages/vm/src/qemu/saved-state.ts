import { open, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { OrlopError } from '@orlop/core';
import { vmError } from '../errors.ts';
import type { SavedState } from '../machine.ts';
import { type MachineFolder, machineFiles } from '../machine-folder.ts';
import type { QmpClient } from './qmp-client.ts';

/** What lies beside the state: the machine that it can go on in. */
interface SavedRecord extends SavedState {
  readonly fingerprint: string;
}

const POLL_MS = 20;
/** Gigabytes of memory on a slow disk. */
const SAVE_TIMEOUT_MS = 600_000;
/** QEMU slows a migration down to spare a network; there is none here. A whole number of bytes a second. */
const NO_LIMIT = 2 ** 40;
const temporary = `${machineFiles.saved}.tmp`;
/** Made when zstd has seen the whole state and its checksum. */
const verified = `${machineFiles.saved}.verified`;

/**
 * Has QEMU write its state through zstd. QEMU's own programs run in the machine's folder (`exec:`, QEMU's
 * docs/devel/migration/main.rst), so no name needs quoting.
 */
export async function writeState(
  qmp: Pick<QmpClient, 'execute'>,
  { folder, signal }: { readonly folder: MachineFolder; readonly signal?: AbortSignal },
): Promise<void> {
  await removeSavedState(folder);
  // With the mode first: it holds everything that was in the machine's memory.
  await (await open(`${folder.path}/${temporary}`, 'w', 0o600)).close();
  await qmp.execute('migrate-set-parameters', { 'max-bandwidth': NO_LIMIT });
  // The fastest level: memory that is in use halves, and pages of zeros cost nothing before they come here.
  const packed = `zstd -q -1 -T0 -c >${temporary} && mv ${temporary} ${machineFiles.saved}`;
  // What zstd could not write is away, which tells so.
  const command = `${packed} || { rm -f ${temporary}; exit 1; }`;
  try {
    await qmp.execute('migrate', { uri: `exec:${command}` });
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw vmError('vm.save-refused', `the machine cannot be saved: ${words}`, { cause });
  }
  const deadline = performance.now() + SAVE_TIMEOUT_MS;
  for (;;) {
    const answer = (await qmp.execute('query-migrate')) as {
      readonly status?: string;
      readonly 'error-desc'?: string;
    };
    if (answer.status === 'completed') break;
    if (answer.status === 'failed' || answer.status === 'cancelled') {
      throw couldNotSave(`QEMU could not save: ${answer['error-desc'] ?? answer.status}`);
    }
    if (signal?.aborted === true || performance.now() > deadline) {
      await qmp.execute('migrate_cancel');
      throw vmError('vm.save-failed', 'saving was given up');
    }
    await sleep(POLL_MS);
  }
  // zstd still writes what it has; QEMU is done.
  for (let waited = 0; ; waited += POLL_MS) {
    const isWriting = (await sizeOf(`${folder.path}/${temporary}`)) !== undefined;
    // Looked for last: it has its name when the other is away.
    if ((await sizeOf(folder.file('saved'))) !== undefined) break;
    if (!isWriting) throw couldNotSave('zstd could not write the saved state');
    if (waited > SAVE_TIMEOUT_MS) throw vmError('vm.save-failed', 'zstd did not finish the saved state');
    await sleep(POLL_MS);
  }
}

function couldNotSave(message: string): Error {
  return vmError('vm.save-failed', message, { hint: 'is the disk of the host full?' });
}

/** Writes down what the state belongs to; without this it does not count. */
export async function recordState(
  folder: MachineFolder,
  { fingerprint, savedAt }: { readonly fingerprint: string; readonly savedAt: string },
): Promise<SavedState> {
  const handle = await open(folder.file('saved'), 'r');
  let sizeBytes: number;
  try {
    await handle.sync();
    sizeBytes = (await handle.stat()).size;
  } finally {
    await handle.close();
  }
  const record: SavedRecord = { sizeBytes, savedAt, fingerprint };
  await folder.writeJson('savedRecord', record);
  return { sizeBytes, savedAt };
}

/** The saved state of a machine's folder, if there is one; it may be of another machine than the next start's. */
export async function readSavedState(folder: MachineFolder): Promise<SavedRecord | undefined> {
  const record = await folder.readJson<SavedRecord>('savedRecord').catch(() => undefined);
  if (record === undefined || (await sizeOf(folder.file('saved'))) !== record.sizeBytes) return undefined;
  return record;
}

/** Does nothing where there is none. */
export async function removeSavedState(folder: MachineFolder): Promise<void> {
  // The record first: a state without one does not count.
  await folder.remove('savedRecord');
  for (const name of [machineFiles.saved, temporary, verified]) {
    await rm(`${folder.path}/${name}`, { force: true });
  }
}

/** What `-incoming exec:` runs; only a state that zstd has found whole leaves its mark. */
export const incomingCommand = `rm -f ${verified}; zstd -dcq ${machineFiles.saved} && : >${verified}`;

/**
 * Waits until QEMU has taken the state in. @throws OrlopError `vm.save-damaged` before the guest has run
 */
export async function waitForIncoming(
  qmp: QmpClient,
  { folder, signal }: { readonly folder: MachineFolder; readonly signal: AbortSignal },
): Promise<void> {
  const deadline = performance.now() + SAVE_TIMEOUT_MS;
  for (;;) {
    const { status } = (await qmp.execute('query-status')) as { readonly status: string };
    if (status !== 'inmigrate') break;
    if (performance.now() > deadline) throw vmError('vm.timeout', 'QEMU did not take the saved state in');
    if (signal.aborted) throw vmError('vm.cancelled', 'the start was stopped', { cause: signal.reason });
    await sleep(POLL_MS);
  }
  // zstd's last word may come just after QEMU has what it needs.
  for (let waited = 0; waited < 2000; waited += POLL_MS) {
    if ((await sizeOf(`${folder.path}/${verified}`)) !== undefined) return;
    await sleep(POLL_MS);
  }
  throw vmError('vm.save-damaged', `the saved state "${folder.file('saved')}" is damaged`);
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

/** Whether a start failed for the saved state alone, so that one without it may do. */
export function isSavedStateError(error: unknown): boolean {
  return (
    error instanceof OrlopError && ['vm.not-saved', 'vm.save-stale', 'vm.save-damaged'].includes(error.code)
  );
}
