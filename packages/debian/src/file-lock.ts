import { spawn } from 'node:child_process';
import { debianError } from './errors.ts';
import { abortReason, collectErrors, startFailed } from './tool.ts';

/**
 * Runs `work` while holding an exclusive flock(2) on `path`, which is made if missing. The lock belongs to a
 * child that lives only as long as this process keeps its standard input open: a process that is killed frees it.
 *
 * @throws OrlopError `debian.tool-missing` when util-linux's flock is not installed, `debian.tool-failed` with its words
 * when it cannot lock, the signal's reason when aborted before it has the lock
 */
export async function withFileLock<Result>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  signal?.throwIfAborted();
  const holder = spawn('flock', ['--exclusive', path, 'cat'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const errors = collectErrors(holder);
  const closed = new Promise<void>((resolve) => holder.on('close', () => resolve()));
  // Whoever waits stops waiting; who has the lock keeps it, by `cat`, until the work has ended.
  const abort = () => holder.kill('SIGTERM');
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      holder.on('error', (cause) => reject(startFailed('flock', cause)));
      // cat starts once flock holds the lock, and echoes this byte.
      holder.stdout.once('data', () => resolve());
      holder.on('close', () => {
        if (signal?.aborted) reject(abortReason(signal));
        else
          reject(
            debianError('debian.tool-failed', `the lock ${path} cannot be taken: ${errors.text().trim()}`),
          );
      });
      holder.stdin.on('error', () => {});
      holder.stdin.write('.');
    });
    return await work();
  } finally {
    signal?.removeEventListener('abort', abort);
    holder.stdin.end();
    await closed;
  }
}
