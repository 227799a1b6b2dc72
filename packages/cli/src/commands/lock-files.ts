import { resolve } from 'node:path';
import type { Lock } from '@orlop/kit';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { readNamedText } from '../read-whole.ts';
import { invalid } from './build-inputs.ts';

/** `redis-os.yml` is locked by `redis-os.lock.yml`; with several files, the last one names the lock. */
export function lockFileOf(files: readonly string[], given: string | undefined): string {
  if (given !== undefined) return given;
  const last = files.at(-1) ?? '-';
  if (last === '-' || /^https?:\/\//.test(last)) {
    throw invalid(`there is no folder for the lock beside ${last}`, 'name the lock by --lock-file');
  }
  return `${last.replace(/\.ya?ml$/, '')}.lock.yml`;
}

/** @throws OrlopError `build.no-lock` */
export async function readLocks(
  files: readonly string[],
  { context, lockFile }: { context: CommandContext; lockFile: string | undefined },
): Promise<Lock> {
  const { parseLock } = await import('@orlop/kit');
  const file = lockFileOf(files, lockFile);
  const text = await readNamedText(resolve(context.cwd, file)).catch((cause) => {
    throw cliError('build.no-lock', `cannot read the lock ${file}`, {
      cause,
      hint: `write it by orlop lock ${files.join(' ')}`,
    });
  });
  return parseLock(text, file);
}
