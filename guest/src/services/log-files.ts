import { joinPath, paths } from '../paths.ts';
import type { System } from '../system/system.ts';

/** pkg/logwrite's figures. */
const maxSizeBytes = 1_048_576;
const maxFiles = 10;

/** LinuxKit's names: what a service writes to its standard error, and what to its standard output. */
export function serviceLogs(name: string): { readonly error: string; readonly out: string } {
  return { error: joinPath(paths.logs, `${name}.log`), out: joinPath(paths.logs, `${name}.out.log`) };
}

/**
 * Moves a log that has grown too large to `FILE.1`, that one to `FILE.2`, and so on. The file itself is emptied, not
 * replaced: containers hold it open in append mode, also over the supervisor's own death. What they write between
 * the copy and the emptying, some microseconds, is lost.
 */
export function rotateLog(system: System, path: string): void {
  const status = system.files.status(path);
  if (status === undefined || status.sizeBytes < maxSizeBytes) return;
  system.files.remove(`${path}.${maxFiles - 1}`);
  for (let age = maxFiles - 2; age >= 1; age -= 1)
    system.files.rename(`${path}.${age}`, `${path}.${age + 1}`);
  if (system.files.copy(path, `${path}.1`)) system.files.truncate(path);
}
