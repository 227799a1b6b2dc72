import { mkdir, readdir, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRunning, ownIdentity } from './process-identity.ts';

/**
 * Says to other processes that blobs which no image names yet are in use: from a process's first new blob until
 * it names an image. A sweep spares blobs that were touched since the oldest lease of another process.
 */
export class Leases {
  readonly #folder: string;
  #held: Promise<void> | undefined;

  constructor(storeFolder: string) {
    this.#folder = join(storeFolder, 'leases');
  }

  async take(): Promise<void> {
    this.#held ??= this.#write();
    await this.#held;
  }

  async release(): Promise<void> {
    if (this.#held === undefined) return;
    this.#held = undefined;
    await unlink(join(this.#folder, await ownIdentity())).catch(() => {});
  }

  /** When the oldest lease of another living process began; those of the dead are removed. */
  async oldestForeignMs(): Promise<number> {
    const own = await ownIdentity();
    let oldest = Number.POSITIVE_INFINITY;
    for (const identity of await readdir(this.#folder).catch(() => [])) {
      const path = join(this.#folder, identity);
      if (identity === own) continue;
      if (await isRunning(identity))
        oldest = Math.min(oldest, (await stat(path).catch(() => undefined))?.mtimeMs ?? oldest);
      else await unlink(path).catch(() => {});
    }
    return oldest;
  }

  async #write(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFile(join(this.#folder, await ownIdentity()), '', { mode: 0o600 });
  }
}
