import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ociError } from './errors.ts';

/**
 * Compresses with the host's `zstd` program, as Node 20 has no Zstandard. The bytes depend on the program's
 * version, but not on the number of its threads.
 *
 * @throws OrlopError oci.tool-missing when there is no such program
 */
export async function* zstdByHost(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const child = spawn('zstd', ['-q', '-c', '-T0'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (text) => {
    if (complaint.length < 2000) complaint += text;
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'ENOENT'
          ? ociError('oci.tool-missing', 'the program zstd is not installed', {
              hint: 'install the package zstd, or choose gzip',
            })
          : cause,
      ),
    );
    child.on('close', (status) =>
      status === 0
        ? resolve()
        : reject(ociError('oci.tool-missing', `zstd failed: ${complaint.trim() || status}`)),
    );
  });
  ended.catch(() => {}); // awaited below
  const fed = pipeline(Readable.from(source, { objectMode: true, highWaterMark: 2 }), child.stdin);
  fed.catch(() => {});
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array;
    await ended;
    await fed;
  } finally {
    child.kill('SIGKILL');
  }
}
