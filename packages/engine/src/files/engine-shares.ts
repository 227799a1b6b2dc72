import type { Logger } from '@orlop/core';

export interface LostSharesOptions {
  /** The folders whose server is gone, at this moment. */
  readonly find: () => Promise<readonly string[]>;
  /** Ends what waits in the machine for a share. */
  readonly abort: (path: string) => Promise<void>;
  /** Whether the machine's processors run. */
  readonly isRunning: () => boolean;
  readonly logger: Logger;
}

const LOOK_MS = 2000;

/**
 * Notices that the file server of a share has ended. QEMU takes no other in its place, and the machine would wait for it
 * for ever: its kernel is told to give up, so that programs get an error instead.
 */
export class LostShares {
  readonly #options: LostSharesOptions;
  readonly #paths = new Set<string>();
  readonly #aborted = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(options: LostSharesOptions) {
    this.#options = options;
  }

  /** The folders that are not served any more. */
  get paths(): readonly string[] {
    return [...this.#paths];
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { find, logger } = this.#options;
    try {
      for (const path of await find()) {
        if (this.#paths.has(path)) continue;
        this.#paths.add(path);
        logger.error('the file server of a share has ended', { share: path, hint: 'orlop restart' });
      }
      if (this.#options.isRunning()) await this.#abortAll();
    } catch (error) {
      // The machine is about to end, which others notice.
      logger.debug('shares were not looked at', { reason: String(error) });
    } finally {
      this.#looking = false;
    }
  }

  async #abortAll(): Promise<void> {
    const { abort, logger } = this.#options;
    for (const path of this.#paths) {
      if (this.#aborted.has(path)) continue;
      this.#aborted.add(path);
      await abort(path).catch((error: Error) =>
        logger.warn('what waits for a lost share goes on waiting', { share: path, reason: error.message }),
      );
    }
  }
}
