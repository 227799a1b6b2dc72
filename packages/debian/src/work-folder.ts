import { mkdir, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isRunning, ownIdentity, ownMark } from '@orlop/oci';

/** What a folder says of whose it is: the process, and the host (or container) that numbers it. */
const OWNED = /^[a-z]+-(\d+-\d+)@(.+)\.[0-9a-f]+$/;

/**
 * Makes a folder in `parent`, which is made if missing, for what is needed on the way; the caller removes it. Those that
 * processes of this host have left there, which were killed, are removed.
 *
 * @param kind what its name begins with: letters
 */
export async function makeWorkFolder(parent: string, kind: string): Promise<string> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  for (const name of await readdir(parent)) {
    const [, identity, host] = OWNED.exec(name) ?? [];
    if (identity === undefined || host !== hostname() || (await isRunning(identity))) continue;
    await rm(join(parent, name), { recursive: true, force: true });
  }
  const folder = join(parent, `${kind}-${await ownIdentity()}@${hostname()}.${ownMark()}`);
  await mkdir(folder, { mode: 0o700 });
  return folder;
}
