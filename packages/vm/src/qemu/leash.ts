import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Ends a process when this one is gone, however it went: a shell holds the reading end of a pipe, whose other end
 * nobody but this process has. SIGTERM first, on which QEMU writes back its disks' caches, then SIGKILL.
 */
const WATCH = `read -r word && [ "$word" = release ] && exit
kill -TERM "$0" || exit
for second in 1 2 3 4 5; do sleep 1; kill -0 "$0" || exit; done
kill -KILL "$0"`;

/** Ties the life of a process to that of this one. PR_SET_PDEATHSIG would do so too, but cannot be taken back. */
export class Leash {
  readonly #watcher: ChildProcess;

  constructor(pid: number) {
    // A session of its own: what ends this process by its terminal must not end the watcher.
    this.#watcher = spawn('/bin/sh', ['-c', WATCH, String(pid)], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#watcher.on('error', () => {}); // without a shell there is no leash, and the machine runs all the same
    this.#watcher.stdin?.on('error', () => {});
    this.#watcher.unref();
    (this.#watcher.stdin as { unref?: () => void } | null)?.unref?.();
  }

  /** The process may outlive this one, or has ended itself. */
  release(): void {
    this.#watcher.stdin?.end('release\n');
  }
}
