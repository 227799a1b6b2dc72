import { createHash, randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProcess, identifyProcess, type ProcessIdentity } from './process-identity.ts';

/** A file that says which process has something to itself; one that died holds nothing. */
export type LockResult =
  | { readonly kind: 'held'; release(): Promise<void> }
  | { readonly kind: 'busy'; readonly holder: number | undefined };

/** Each attempt after the first finds a lock that was let go of, or is being broken, in this very moment. */
const ATTEMPTS = 50;
const BREAK_POLL_MS = 5;

/** Takes the lock, or tells who has it. */
export async function takeProcessLock(path: string): Promise<LockResult> {
  const mark = randomUUID();
  const draft = `${path}.${mark}`;
  try {
    // The content is in place before the name is, so nobody reads a lock that does not say yet whose it is. The mark tells
    // one lock of a process from its next.
    const content = JSON.stringify({ ...(await identifyProcess(process.pid)), mark });
    await writeFile(draft, content, { flag: 'wx', mode: 0o600 });
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await isLinked(draft, path)) return { kind: 'held', release: () => rm(path, { force: true }) };
      const text = await readIfThere(path);
      if (text === undefined) continue;
      const holder = readHolder(text);
      if (await isPresent(holder)) return { kind: 'busy', holder: holder?.pid };
      await breakLock(path, { draft, text });
    }
    return { kind: 'busy', holder: undefined };
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Removes a lock that nobody holds any more. Of several who have seen it only one does: who would be late finds another's
 * mark, or another lock than the one that was seen, and must not take that away.
 */
async function breakLock(
  path: string,
  { draft, text }: { readonly draft: string; readonly text: string },
): Promise<void> {
  const breaking = `${path}.${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
  if (await isLinked(draft, breaking)) {
    if ((await readIfThere(path)) === text) await rm(path, { force: true });
    await rm(breaking, { force: true });
    return;
  }
  const other = await readIfThere(breaking);
  if (other !== undefined && !(await isPresent(readHolder(other)))) await rm(breaking, { force: true });
  else await sleep(BREAK_POLL_MS);
}

async function isLinked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

async function isPresent(holder: ProcessIdentity | undefined): Promise<boolean> {
  return holder !== undefined && (await findProcess(holder)) === 'present';
}

/** @returns undefined for what names no process */
function readHolder(text: string): ProcessIdentity | undefined {
  try {
    const holder = JSON.parse(text) as Partial<ProcessIdentity> | null;
    return typeof holder?.pid === 'number' ? (holder as ProcessIdentity) : undefined;
  } catch {
    return undefined;
  }
}
