import { constants, createReadStream, createWriteStream } from 'node:fs';
import { readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** A log that has grown beyond this is cut; its end stays beside it as `.1`, once. */
const MAX_LOG_BYTES = 16 * 1024 * 1024;
const LOOK_EVERY_MS = 30_000;

/** Opens a log that begins anew and may be cut while a program writes it: appending, it goes on at the new end. */
export const NEW_LOG = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND;

export interface LogPlaces {
  /** The folder of machines' folders; their consoles', QEMU's and virtiofsd's logs are looked at. */
  readonly machines: string;
  readonly logs: readonly string[];
}

/**
 * Keeps a log bounded that a program has open for appending: its end is copied and it is emptied, not renamed; what is
 * written between the two steps is lost. Where there is no room for the copy, the log is emptied all the same.
 */
export async function rotateLog(path: string, maxBytes = MAX_LOG_BYTES): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || !found.isFile() || found.size <= maxBytes) return false;
  const end = createReadStream(path, { start: found.size - maxBytes, end: found.size - 1 });
  await pipeline(end, createWriteStream(`${path}.1`, { mode: 0o600 })).catch(() =>
    rm(`${path}.1`, { force: true }),
  );
  await truncate(path, 0);
  return true;
}

/** Looks at logs twice a minute, until the signal is aborted. */
export function keepLogsShort(
  places: LogPlaces,
  { signal, onError }: { readonly signal: AbortSignal; readonly onError: (error: Error) => void },
): void {
  const timer = setInterval(() => rotateLogs(places).catch(onError), LOOK_EVERY_MS);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

export async function rotateLogs({ machines, logs }: LogPlaces): Promise<void> {
  for (const path of logs) await rotateLog(path);
  for (const name of await namesIn(machines)) {
    const folder = join(machines, name);
    for (const file of await namesIn(folder)) if (file.endsWith('.log')) await rotateLog(join(folder, file));
  }
}

/** None where there is no such folder, or no longer. */
async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
