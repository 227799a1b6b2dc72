import { readFile } from 'node:fs/promises';

/** Enough to see why a process ended. */
const LAST_LINES = 5;

/** What a process in the background said last; empty where it said nothing. Its log is kept short (vm's `rotateLogs`). */
export async function lastWords(log: string): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-LAST_LINES).join('\n');
}
