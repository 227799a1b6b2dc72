import { readFile } from 'node:fs/promises';
import type { MachineFolder } from '../machine-folder.ts';

/** Enough to see why a process ended. */
const LAST_LINES = 8;

/** The last lines that QEMU said, without its name before each. Empty when it said nothing. */
export async function readDriverLog(folder: MachineFolder): Promise<string> {
  const text = await readFile(folder.file('stderr'), 'utf8').catch(() => '');
  return lastWords(text);
}

/** The last lines of QEMU's standard error. */
export function lastWords(text: string): string {
  return sayings(text).slice(-LAST_LINES).join('\n');
}

/** The line that tells the cause, where a dump of registers follows. */
export function firstWords(text: string): string {
  return sayings(text)[0] ?? '';
}

/** Leaves out what Debian's packages say about parts that are not installed. */
function sayings(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/^qemu[\w-]*: /, '').trim())
    .filter((line) => line !== '' && !/^module \S+ not found, do you want to install/.test(line));
}
