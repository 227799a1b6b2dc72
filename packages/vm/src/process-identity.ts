import { readFile } from 'node:fs/promises';

/** A process that cannot be mistaken for a later one that got the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between the boot of the host and the start of the process: field 22 of proc_pid_stat(5). */
  readonly startTicks: number;
  /** /proc/sys/kernel/random/boot_id: start times of different boots do not compare. */
  readonly bootId: string;
}

export type ProcessPresence = 'present' | 'gone' | 'host-restarted';

/** @returns undefined when no process has this number. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  const startTicks = await readStartTicks(pid);
  return startTicks === undefined ? undefined : { pid, startTicks, bootId: await readBootId() };
}

/** Whether this very process still runs; one that ended and is not yet reaped counts as gone. */
export async function findProcess(identity: ProcessIdentity): Promise<ProcessPresence> {
  if ((await readBootId()) !== identity.bootId) return 'host-restarted';
  return (await readStartTicks(identity.pid)) === identity.startTicks ? 'present' : 'gone';
}

/**
 * Sends a signal to this very process and to no other.
 * @returns whether it was there.
 */
export async function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): Promise<boolean> {
  if ((await findProcess(identity)) !== 'present') return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Reads /proc/PID/stat; the command in parentheses may hold spaces and parentheses itself. */
export function parseStartTicks(stat: string): number | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  if (state === undefined || state === 'Z' || state === 'X') return undefined;
  const ticks = Number(fields[19]); // field 22; the first two and its own offset are cut off
  return Number.isSafeInteger(ticks) ? ticks : undefined;
}

async function readStartTicks(pid: number): Promise<number | undefined> {
  try {
    return parseStartTicks(await readFile(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}
