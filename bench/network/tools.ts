import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Runs a program to its end and gives what it said. */
export function run(command: string, ...rest: readonly string[]): string {
  return execFileSync(command, rest, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });
}

/** A process that is ended with the benchmark, its output in a file. */
export function start(logPath: string, command: string, ...rest: readonly string[]): ChildProcess {
  const log = openSync(logPath, 'a');
  const child = spawn(command, rest, { stdio: ['ignore', log, log] });
  closeSync(log);
  process.once('exit', () => child.kill('SIGKILL'));
  return child;
}

export async function stop(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = globalThis.setTimeout(() => child.kill('SIGKILL'), 2000);
  await gone;
  clearTimeout(timer);
}

export function hasProgram(name: string): boolean {
  try {
    run('sh', '-c', `command -v ${name}`);
    return true;
  } catch {
    return false;
  }
}

/** Tries until it succeeds, and at least once. */
export async function until(what: string, attempt: () => unknown, seconds = 20): Promise<void> {
  const deadlineMs = performance.now() + seconds * 1000;
  let last: unknown;
  do {
    try {
      attempt();
      return;
    } catch (error) {
      last = error;
      await sleep(50);
    }
  } while (performance.now() < deadlineMs);
  throw new Error(`${what}: ${last instanceof Error ? last.message.slice(0, 300) : String(last)}`);
}

export interface Memory {
  /** MiB that are resident, pages of files that others may share among them. */
  readonly resident: number;
  /** MiB of those that are of no file: heap and stacks. */
  readonly own: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mebibytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  return { resident: mebibytes('VmRSS'), own: mebibytes('RssAnon') };
}

/** Processor time of a process and its threads, s. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(stat[11]) + Number(stat[12])) / 100;
}
