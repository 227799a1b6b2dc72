import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { replaceFile } from '@orlop/vm';
import type { InstancePaths } from './instance-paths.ts';

/** Settings by their dotted names: of a start's flags, or what its machine has. */
export type Flags = Readonly<Record<string, unknown>>;

/** What is kept of an engine's start for the next command, or the next daemon. */
export interface EngineRecord {
  /** What it was started with; its settings files may have changed since. */
  readonly flags: Flags;
  /** What its machine was started with of the settings that hold until the next; Orlop before November 2026 kept none. */
  readonly machine?: Flags;
  /** Requests bring it back, as after a sleep. */
  readonly suspended: boolean;
}

const NOTHING: EngineRecord = { flags: {}, suspended: false };

export async function readRecord({ record }: Pick<InstancePaths, 'record'>): Promise<EngineRecord> {
  try {
    return { ...NOTHING, ...(JSON.parse(await readFile(record, 'utf8')) as Partial<EngineRecord>) };
  } catch {
    return NOTHING; // its start did not come to an end
  }
}

export async function changeRecord(paths: InstancePaths, change: Partial<EngineRecord>): Promise<void> {
  const before = await readRecord(paths);
  const after = { ...before, ...change };
  // A machine that is joined since the host's disk is full has nothing new to write, and no room for it.
  if (existsSync(paths.record) && JSON.stringify(after) === JSON.stringify(before)) return;
  await replaceFile(paths.record, JSON.stringify(after));
}
