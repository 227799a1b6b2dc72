import { readFile } from 'node:fs/promises';

/** What a process of the host takes. */
export interface ProcessUsage {
  readonly rssBytes: number;
  /** Since its start. */
  readonly cpuMs: number;
}

/** Linux counts time in hundredths of a second whatever its own clock does (`USER_HZ`, time(7)). */
const TICK_MS = 10;

/** @returns undefined when the process has ended */
export async function processUsage(pid: number): Promise<ProcessUsage | undefined> {
  try {
    const [status, line] = await Promise.all([
      readFile(`/proc/${pid}/status`, 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ]);
    // proc_pid_stat(5): utime and stime are fields 14 and 15; the command, in parentheses, may hold spaces.
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return {
      rssBytes: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024,
      cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
    };
  } catch {
    return undefined;
  }
}

/**
 * How much of a machine's memory its process holds, out of `/proc/PID/smaps`: QEMU maps all of it at once, so the largest
 * mapping that may be written, of that size or more, is it.
 *
 * @returns undefined when the process has ended, or maps nothing as large
 */
export function residentOf(smaps: string, sizeBytes: number): number | undefined {
  let wanted = false;
  for (const line of smaps.split('\n')) {
    const range = /^([\da-f]+)-([\da-f]+) rw-/.exec(line);
    if (range !== null) {
      const length = Number.parseInt(range[2] ?? '', 16) - Number.parseInt(range[1] ?? '', 16);
      wanted = length >= sizeBytes;
    } else if (/^[\da-f]+-/.test(line)) wanted = false;
    else if (wanted && line.startsWith('Rss:')) return Number(/\d+/.exec(line)?.[0] ?? 0) * 1024;
  }
  return undefined;
}

/** @see residentOf */
export async function residentMemory(pid: number, sizeBytes: number): Promise<number | undefined> {
  try {
    return residentOf(await readFile(`/proc/${pid}/smaps`, 'utf8'), sizeBytes);
  } catch {
    return undefined;
  }
}
