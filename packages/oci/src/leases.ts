import { mkdir, readdir, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRunning, ownIdentity, ownMark } from './process-identity.ts';

/**
 * Says to others that blobs are in use: those that no image names yet, from a store's first new blob until it names an
 * image; and those that are read, whatever names them, for as long as that takes. A sweep spares blobs that were touched since the oldest lease of another store, in this process or
 * another. A lease's file is named IDENTITY.MARK.
 */
export class Leases {
  readonly #folder: string;
  readonly #mark = ownMark();
  #held: Promise<void> | undefined;

  constructor(storeFolder: string) {
    this.#folder = join(storeFolder, 'leases');
  }

  async take(): Promise<void> {
    this.#held ??= this.#write();
    await this.#held;
  }

  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  async release(): Promise<void> {
    if (this.#held === undefined) return;
    this.#held = undefined;
    await unlink(await this.#path()).catch(() => {});
  }

  /** When the oldest lease of another living store began; those of processes that are gone are removed. */
  async oldestForeignMs(): Promise<number> {
    const own = await this.#path();
    let oldest = Number.POSITIVE_INFINITY;
    for (const name of await readdir(this.#folder).catch(() => [])) {
      const path = join(this.#folder, name);
      if (path === own) continue;
      if (await isRunning(name.split('.')[0] ?? ''))
        // Whole milliseconds, as those that blobs are marked with.
        oldest = Math.min(oldest, Math.floor((await stat(path).catch(() => undefined))?.mtimeMs ?? oldest));
      else await unlink(path).catch(() => {});
    }
    return oldest;
  }

  async #write(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFile(await this.#path(), '', { mode: 0o600 });
  }

  async #path(): Promise<string> {
    return join(this.#folder, `${await ownIdentity()}.${this.#mark}`);
  }
}
