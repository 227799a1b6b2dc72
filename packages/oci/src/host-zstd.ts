import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { recycle } from '@orlop/archive';
import { ociError } from './errors.ts';
import { MAX_ZSTD_WINDOW_BYTES, ZstdFrames } from './zstd-frames.ts';

/** Said in full: the variable ZSTD_CLEVEL would change the bytes of an image otherwise. */
const COMPRESSION_LEVEL = 3;

/**
 * Compresses with the host's `zstd` program, as Node 20 has no Zstandard. The bytes depend on the program's
 * version, but not on the number of its threads.
 *
 * @throws OrlopError oci.tool-missing when there is no such program
 */
export function zstdByHost(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  return filterByZstd([`-${COMPRESSION_LEVEL}`, '-T0'], source);
}

/**
 * Decompresses with the host's `zstd` program: ten times as fast as a decoder in JavaScript, and its memory is
 * none of ours.
 *
 * @throws OrlopError oci.tool-missing, oci.layer-limit when a frame wants a window over 128 MiB; on damaged
 * content oci.bad-layer or an Error with what `zstd` says of it
 */
export async function* unzstdByHost(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const frames = new ZstdFrames();
  async function* followed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      frames.follow(chunk);
      yield chunk;
    }
    if (!frames.atFrameEnd) throw ociError('oci.bad-layer', 'a zstd stream ends in the middle of a frame');
  }
  yield* filterByZstd(['-d', `--memory=${MAX_ZSTD_WINDOW_BYTES}`], followed());
}

/** A failure of `source` goes before the complaint of a program that was left with half its input. */
async function* filterByZstd(
  args: readonly string[],
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const child = spawn('zstd', ['-q', '-c', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (text) => {
    if (complaint.length < 2000) complaint += text;
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', (cause: NodeJS.ErrnoException) =>
      reject(cause.code === 'ENOENT' ? toolMissing(cause) : cause),
    );
    child.on('close', (status) =>
      status === 0 ? resolve() : reject(new Error(`zstd: ${complaint.trim() || `status ${status}`}`)),
    );
  });
  ended.catch(() => {}); // awaited below
  let failure: { readonly cause: unknown } | undefined;
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* source;
    } catch (cause) {
      failure = { cause };
      throw cause;
    }
  }
  const fed = feed(watched(), child.stdin);
  fed.catch(() => {}); // the program closes its input early only when it fails
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array;
    await ended.catch((error: unknown) => {
      throw failure === undefined ? error : failure.cause;
    });
    await fed;
  } finally {
    child.kill('SIGKILL');
  }
}

/** Writes a stream to a program's input, a chunk being made while the one before is written, and recycles it. */
async function feed(source: AsyncIterable<Uint8Array>, input: Writable): Promise<void> {
  input.on('error', () => {}); // every write says its own
  const write = (chunk: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      input.write(chunk, (error) => {
        if (error) return reject(error);
        recycle(chunk);
        resolve();
      });
    });
  let before = Promise.resolve();
  try {
    for await (const chunk of source) {
      await before;
      before = write(chunk);
      before.catch(() => {}); // seen when it is awaited
    }
    await before;
    input.end();
  } catch (cause) {
    input.destroy();
    throw cause;
  }
}

function toolMissing(cause: Error): Error {
  return ociError('oci.tool-missing', 'the program zstd is not installed', {
    hint: 'on Debian: apt-get install zstd',
    cause,
  });
}
