import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/**
 * Names a process so that a later one with the same number is not taken for it: `PID-STARTTIME`, where the
 * second part is field 22 of /proc/PID/stat (proc(5)), or 0 on systems without it.
 */
export async function ownIdentity(): Promise<string> {
  return `${process.pid}-${await startTime(process.pid)}`;
}

/** Tells apart what several objects of one process name after it. Without a dot. */
export function ownMark(): string {
  return randomBytes(6).toString('hex');
}

/** Whether the process of that identity still runs. Nonsense is nobody. */
export async function isRunning(identity: string): Promise<boolean> {
  const match = /^(\d+)-(\d+)$/.exec(identity);
  if (match === null) return false;
  const pid = Number(match[1]);
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, as another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return match[2] === '0' || String(await startTime(pid)) === match[2];
}

async function startTime(pid: number): Promise<number> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    // The second field is the command's name in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[22 - 3] ?? 0);
  } catch {
    return 0;
  }
}
