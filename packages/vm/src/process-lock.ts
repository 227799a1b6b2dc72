import { open, readFile, rm } from 'node:fs/promises';
import { findProcess, identifyProcess, type ProcessIdentity } from './process-identity.ts';

/** A file that says which process has something to itself; one that died holds nothing. */
export type LockResult =
  | { readonly kind: 'held'; release(): Promise<void> }
  | { readonly kind: 'busy'; readonly holder: number | undefined };

/** Takes the lock, or tells who has it. */
export async function takeProcessLock(path: string): Promise<LockResult> {
  const own = await identifyProcess(process.pid);
  for (let attempt = 0; attempt < 2; attempt++) {
    const handle = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return undefined;
      throw error;
    });
    if (handle !== undefined) {
      await handle.writeFile(JSON.stringify(own));
      await handle.close();
      return { kind: 'held', release: () => rm(path, { force: true }) };
    }
    const holder = await readHolder(path);
    if (holder !== undefined && (await findProcess(holder)) === 'present') {
      return { kind: 'busy', holder: holder.pid };
    }
    await rm(path, { force: true });
  }
  return { kind: 'busy', holder: undefined };
}

/** @returns undefined also for a lock whose writer died before it said who it is. */
async function readHolder(path: string): Promise<ProcessIdentity | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}
