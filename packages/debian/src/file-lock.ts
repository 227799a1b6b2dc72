import { spawn } from 'node:child_process';
import { debianError } from './errors.ts';

/**
 * Runs `work` while holding an exclusive flock(2) on `path`, which is made if missing. The lock belongs to a
 * child that lives only as long as this process keeps its standard input open: a process that is killed frees it.
 *
 * @throws OrlopError `debian.tool-missing` when util-linux's flock is not installed.
 */
export async function withFileLock<Result>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  signal?.throwIfAborted();
  const holder = spawn('flock', ['--exclusive', path, 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const closed = new Promise<void>((resolve) => holder.on('close', () => resolve()));
  const abort = () => holder.kill('SIGTERM');
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      holder.on('error', (cause) =>
        reject(
          debianError('debian.tool-missing', 'flock is not installed on this machine', {
            hint: 'on Debian: apt-get install util-linux',
            cause,
          }),
        ),
      );
      // cat starts once flock holds the lock, and echoes this byte.
      holder.stdout.once('data', () => resolve());
      holder.on('close', () =>
        reject(
          debianError('debian.tool-failed', `the lock ${path} could not be taken`, { cause: signal?.reason }),
        ),
      );
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
