import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

/**
 * Runs a program to its end under GNU time: seconds of wall clock, seconds of the processor of all its processes, and the
 * peak of resident memory of the largest of them in MB, as the kernel counts them. All of them end with this process.
 *
 * @param {readonly string[]} words
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function timeProgram(words, env = process.env) {
  const started = performance.now();
  const child = spawn('/usr/bin/time', ['-f', '%M %U %S', ...words], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const end = () => child.kill() && process.kill(-child.pid, 'SIGKILL');
  process.prependOnceListener('exit', end);
  const closed = new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  process.off('exit', end);
  const seconds = (performance.now() - started) / 1000;
  if (status !== 0) throw new Error(`${words.join(' ')} failed:\n${stderr}`);
  const [peakKiB, user, system] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { stdout, seconds, cpuSeconds: user + system, peakMb: (peakKiB * 1024) / 1e6 };
}
