import type { EngineUsage } from '@orlop/api';
import { diskUsage } from './data-disk.ts';
import type { GuestAgent } from './guest-agent.ts';
import type { InstancePaths } from './instance-paths.ts';
import { processUsage, residentMemory } from './process-usage.ts';
import { Snapshots } from './snapshots.ts';

export interface UsageInput {
  readonly paths: InstancePaths;
  /** Its machine's process, if one runs, and how much memory that may give its guest. */
  readonly machine?: { readonly pid: number; readonly memoryBytes: number };
  /** Absent while the machine cannot answer. */
  readonly agent?: GuestAgent;
  readonly savedBytes: number;
}

/** What an engine takes of its host, now. */
export async function engineUsage({ paths, machine, agent, savedBytes }: UsageInput): Promise<EngineUsage> {
  const [disk, snapshots, whole, memoryBytes, daemon, guest] = await Promise.all([
    diskUsage(paths.dataDisk),
    new Snapshots(paths).list(),
    machine && processUsage(machine.pid),
    machine && residentMemory(machine.pid, machine.memoryBytes),
    processUsage(process.pid),
    agent?.usage().catch(() => undefined), // an older image has nobody who answers
  ]);
  return {
    ...(whole !== undefined && { machineRssBytes: whole.rssBytes, machineCpuMs: whole.cpuMs }),
    ...(machine !== undefined &&
      memoryBytes !== undefined && {
        machineMemoryBytes: memoryBytes,
        machineMemoryLimitBytes: machine.memoryBytes,
      }),
    daemonRssBytes: daemon?.rssBytes ?? 0,
    daemonCpuMs: daemon?.cpuMs ?? 0,
    ...(guest !== undefined && {
      guestUsedBytes: guest.memoryBytes - guest.memoryAvailableBytes,
      guestTotalBytes: guest.memoryBytes,
      guestRememberedBytes: guest.rememberedBytes,
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
