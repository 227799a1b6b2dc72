import { readFile } from 'node:fs/promises';
import type { EngineUsage } from '@orlop/api';
import { diskUsage } from './data-disk.ts';
import type { GuestAgent } from './guest-agent.ts';
import type { InstancePaths } from './instance-paths.ts';
import { Snapshots } from './snapshots.ts';

export interface UsageInput {
  readonly paths: InstancePaths;
  /** Its machine's process, if one runs. */
  readonly pid?: number;
  /** Absent while the machine cannot answer. */
  readonly agent?: GuestAgent;
  readonly savedBytes: number;
}

/** Linux counts time in hundredths of a second whatever its own clock does (`USER_HZ`, time(7)). */
const TICK_MS = 10;

/** What an engine takes of its host, now. */
export async function engineUsage({ paths, pid, agent, savedBytes }: UsageInput): Promise<EngineUsage> {
  const [disk, snapshots, machine, daemon, guest] = await Promise.all([
    diskUsage(paths.dataDisk),
    new Snapshots(paths).list(),
    pid === undefined ? undefined : processUsage(pid),
    processUsage(process.pid),
    agent?.usage().catch(() => undefined), // an older image has nobody who answers
  ]);
  return {
    ...(machine !== undefined && { machineRssBytes: machine.rssBytes, machineCpuMs: machine.cpuMs }),
    daemonRssBytes: daemon?.rssBytes ?? 0,
    daemonCpuMs: daemon?.cpuMs ?? 0,
    ...(guest !== undefined && {
      guestUsedBytes: guest.memoryBytes - guest.memoryAvailableBytes,
      guestTotalBytes: guest.memoryBytes,
      dataBytes: guest.dataBytes,
      dataFreeBytes: guest.dataFreeBytes,
      dataFreeFiles: guest.dataFreeFiles,
    }),
    diskBytes: disk.sizeBytes,
    diskUsedBytes: disk.usedBytes,
    savedBytes,
    snapshotBytes: snapshots.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
  };
}

/** @returns undefined when the process has ended */
async function processUsage(
  pid: number,
): Promise<{ readonly rssBytes: number; readonly cpuMs: number } | undefined> {
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
