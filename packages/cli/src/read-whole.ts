import { createReadStream } from 'node:fs';
import { cliError } from './errors.ts';

/** Larger than anything that is written by hand, and than a system's list of authorities. */
const MAX_BYTES = 64 * 2 ** 20;

/** All of a stream. @param name what errors call it. @throws OrlopError `cli.too-large` */
export async function readWhole(source: AsyncIterable<Uint8Array | string>, name: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of source) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    total += bytes.length;
    if (total > MAX_BYTES) throw cliError('cli.too-large', `${name} is over ${MAX_BYTES / 2 ** 20} MiB`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** All of a file that a command's user has named. @throws OrlopError `cli.too-large`, and what the system refuses */
export async function readNamedFile(path: string): Promise<Buffer> {
  return await readWhole(createReadStream(path), path);
}

/** The same as text (UTF-8). */
export async function readNamedText(path: string): Promise<string> {
  return (await readNamedFile(path)).toString('utf8');
}
