import { setTimeout as sleep } from 'node:timers/promises';
import { type Column, measure, type Place } from './measure.ts';
import type { Measured, PeerReport } from './report.ts';
import { usage } from './tools.ts';

/** A peer that is up, and what was measured of it so far. */
export interface Contestant {
  readonly name: string;
  readonly place: Place;
  /** The process that moves the bytes. */
  readonly pid: number;
  readonly rounds: Map<Column, (Measured | undefined)[]>;
  readonly idleMebibytes: number;
}

/** Adds one measurement; a failure is said, and leaves a gap. */
export async function measureRound(column: Column, { name, place, pid, rounds }: Contestant): Promise<void> {
  const list = rounds.get(column) ?? [];
  rounds.set(column, list);
  const before = usage(pid).cpuSeconds;
  try {
    const sample = measure(column, place);
    list.push({ ...sample, cpuSeconds: usage(pid).cpuSeconds - before });
  } catch (error) {
    list.push(undefined);
    const said = error instanceof Error ? error.message.split('\n').slice(0, 2).join(' ') : String(error);
    console.error(`${name}, ${column}: ${said}`);
    await sleep(500);
  }
}

export function reportOf({ name, rounds, idleMebibytes, pid }: Contestant): PeerReport {
  return { name, rounds, idleMebibytes, loadedMebibytes: usage(pid).mebibytes };
}
