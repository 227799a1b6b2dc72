import { realpath, stat } from 'node:fs/promises';
import { kitError } from '../errors.ts';

/** What a finished output replaces by taking its name, or what is written into since it is no file. */
export type OutputPlace =
  | { readonly kind: 'file'; readonly path: string }
  /** A device or a pipe: renaming would put a file in its place. */
  | { readonly kind: 'stream'; readonly path: string };

/**
 * Where an output goes that the user has named: a link's target, not the link.
 *
 * @throws OrlopError `kit.output-failed` for a folder or a socket, and where no file can be
 */
export async function outputPlace(path: string): Promise<OutputPlace> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw kitError('kit.output-failed', `cannot write ${path}`, { cause });
  });
  if (found === undefined) return { kind: 'file', path };
  if (found.isFile()) return { kind: 'file', path: await realpath(path) };
  if (found.isCharacterDevice() || found.isFIFO()) return { kind: 'stream', path };
  throw kitError('kit.output-failed', `${path} is there already, and is no file`);
}

/** The same for what is written at random, or with other files. @throws OrlopError `kit.output-failed` */
export async function outputFile(path: string): Promise<string> {
  const place = await outputPlace(path);
  if (place.kind === 'file') return place.path;
  throw kitError('kit.output-failed', `${path} is a device or a pipe; this output is a file`);
}
