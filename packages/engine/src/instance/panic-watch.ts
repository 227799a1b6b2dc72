import { type FSWatcher, watch } from 'node:fs';
import { OneAtATime } from '../one-at-a-time.ts';
import { readLogTail } from './console-log.ts';
import { findKernelPanic } from './kernel-panic.ts';

export interface PanicWatchOptions {
  readonly consoleLog: string;
  /** Whether the machine is to answer at all. */
  readonly isRunning: () => boolean;
  /** Whether it does; given a few seconds. */
  readonly answers: () => Promise<boolean>;
  readonly onPanic: (reason: string) => void;
  readonly onError: (error: Error) => void;
}

/**
 * Notices that a machine's kernel has given up: it has said so on its console, and the machine does not answer any more. The
 * words alone may be somebody's at `orlop shell`.
 */
export class PanicWatch {
  readonly #options: PanicWatchOptions;
  #watcher: FSWatcher | undefined;
  /** What is before this in the log is somebody's words. */
  #readTo = 0;
  readonly #looks = new OneAtATime(() => this.#look());

  constructor(options: PanicWatchOptions) {
    this.#options = options;
  }

  /** Looks at what is there already, too: the log is of this start of the machine. */
  start(): void {
    const { consoleLog, onError } = this.#options;
    try {
      this.#watcher = watch(consoleLog, { persistent: false }, () => this.look());
    } catch (error) {
      onError(error as Error); // somebody has removed it from under a machine that runs
      return;
    }
    this.#watcher.on('error', onError);
    this.look();
  }

  stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  look(): void {
    this.#looks.run().catch(this.#options.onError);
  }

  async #look(): Promise<void> {
    if (this.#watcher === undefined) return;
    const { consoleLog, isRunning, answers, onPanic } = this.#options;
    const { text, sizeBytes } = await readLogTail(consoleLog, this.#readTo);
    const reason = findKernelPanic(text);
    if (reason === undefined || !isRunning()) return;
    if (await answers()) {
      this.#readTo = sizeBytes;
      return;
    }
    if (!isRunning() || this.#watcher === undefined) return;
    this.stop();
    onPanic(reason);
  }
}
