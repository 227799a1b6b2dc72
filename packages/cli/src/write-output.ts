import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { OrlopError } from '@orlop/core';
import { cliError } from './errors.ts';
import { outOfRoom } from './system-error.ts';

export interface WriteOutputOptions {
  readonly signal: AbortSignal;
  /** Of a new file, as the umask lets it be. @default 0o666 */
  readonly mode?: number;
}

/**
 * Writes the file that a command's user has named: whole or not at all, in place of an older one. A device or a pipe
 * gets the content as it comes.
 *
 * @throws OrlopError cli.cannot-write, or what the content throws
 */
export async function writeOutput(
  output: string,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array | string>,
  { signal, mode = 0o666 }: WriteOutputOptions,
): Promise<void> {
  const { outputPlace } = await import('@orlop/kit');
  const { kind, path } = await outputPlace(output);
  const source = Readable.from(content, { objectMode: false });
  if (kind === 'stream') {
    await pipeline(source, createWriteStream(path), { signal });
    return;
  }
  const draft = `${path}.${process.pid}.part`;
  try {
    await pipeline(source, createWriteStream(draft, { flags: 'wx', mode }), { signal });
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true });
    if (signal.aborted) throw signal.reason;
    if (cause instanceof OrlopError) throw cause;
    throw (
      (await outOfRoom(cause, { place: path })) ??
      cliError('cli.cannot-write', `${path} cannot be written`, { cause })
    );
  }
}
