import { access, rm, writeFile } from 'node:fs/promises';

/** Whether a share is paused, which outlives the daemon: a file that is there or not. */
export class PauseRecord {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async get(): Promise<boolean> {
    return access(this.#path).then(
      () => true,
      () => false,
    );
  }

  /** Its folder is there. */
  async set(paused: boolean): Promise<void> {
    if (paused) await writeFile(this.#path, '');
    else await rm(this.#path, { force: true });
  }
}
