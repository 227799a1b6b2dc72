import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { OrlopError } from '@orlop/core';
import type { ExportFormat } from '@orlop/oci';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { writeOutput } from '../write-output.ts';
import { openStore, platformOf, type StoreOptions } from './cache-options.ts';

export interface ImportArchiveOptions extends StoreOptions {
  readonly name?: string;
  readonly json?: boolean;
}

export interface ExportArchiveOptions extends StoreOptions {
  readonly format: ExportFormat;
  readonly platform?: string;
  readonly outfile: string;
  readonly name?: string;
}

/** Takes the images of an archive, or of standard input for `-`, into the store. */
export async function importFile(
  file: string,
  { context, options }: { context: CommandContext; options: ImportArchiveOptions },
): Promise<void> {
  const { importArchive } = await import('@orlop/oci');
  const { signal, stdout } = context;
  const store = await openStore(context, options);
  const source = file === '-' ? context.stdin : createReadStream(resolve(context.cwd, file), { signal });
  const images = await importArchive(store, chunksOf(source, file), {
    signal,
    ...(options.name !== undefined && { name: options.name }),
  }).catch((cause: unknown) => {
    // What a reader of archives says has no name of the file in it.
    if (!(cause instanceof OrlopError) || !/^(archive|oci)\./.test(cause.code)) throw cause;
    throw new OrlopError(cause.code, cause.kind, `${file} cannot be brought in: ${cause.message}`, {
      cause: cause.cause,
      ...(cause.hint !== undefined && { hint: cause.hint }),
    });
  });
  for (const { name, descriptor } of images) {
    const { digest } = descriptor;
    stdout.write(options.json ? `${JSON.stringify({ name, digest })}\n` : `${name} ${digest}\n`);
  }
}

/** Writes one image to a file, or to standard output for `-`. */
export async function exportFile(
  reference: string,
  { context, options }: { context: CommandContext; options: ExportArchiveOptions },
): Promise<void> {
  const { exportImage } = await import('@orlop/oci');
  const { signal, stdout } = context;
  const { format, platform, outfile, name } = options;
  if (outfile === '-' && stdout.isTTY)
    throw cliError('cli.bad-option', 'an archive is not for a terminal: say --outfile FILE');
  const store = await openStore(context, options);
  const needsPlatform = format !== 'oci' || platform !== undefined;
  const archive = exportImage(store, {
    ...{ reference, format, signal },
    ...(needsPlatform && { platform: await platformOf(platform) }),
    ...(name !== undefined && { name }),
  });
  // What fails before the first byte leaves the output alone.
  const first = await archive.next();
  const whole = rejoin(first, archive);
  if (outfile === '-') await pipeline(whole, stdout, { signal, end: false });
  else await writeOutput(resolve(context.cwd, outfile), whole, { signal });
}

async function* rejoin(
  first: IteratorResult<Uint8Array>,
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}

async function* chunksOf(source: AsyncIterable<unknown>, file: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of source)
      yield typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array);
  } catch (cause) {
    if ((cause as Error).name === 'AbortError') throw (cause as Error).cause ?? cause;
    if ((cause as NodeJS.ErrnoException).code !== 'EISDIR')
      throw cliError('cli.cannot-read', `${file} cannot be read`, { cause });
    throw cliError('cli.cannot-read', `${file} is a folder, and an archive is wanted`, {
      hint: `of an image layout: tar -C ${file} -c . | orlop cache import -`,
    });
  }
}
