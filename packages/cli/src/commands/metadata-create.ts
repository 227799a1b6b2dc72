import { resolve } from 'node:path';
import { encodeMetadataIso } from '@orlop/vm';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { readNamedFile, readWhole } from '../read-whole.ts';
import { writeOutput } from '../write-output.ts';

export interface MetadataSource {
  readonly image: string;
  /** `-` for standard input. */
  readonly text: string | undefined;
  readonly file: string | undefined;
}

/** Writes a CD-ROM image with the metadata; it may hold secrets, so only the user can read it. */
export async function createMetadata(source: MetadataSource, context: CommandContext): Promise<void> {
  const content = await readContent(source, context);
  const iso = encodeMetadataIso(content);
  await writeOutput(resolve(context.cwd, source.image), [iso], { signal: context.signal, mode: 0o600 });
}

async function readContent(
  { text, file }: MetadataSource,
  { cwd, stdin }: CommandContext,
): Promise<Uint8Array> {
  if ((text === undefined) === (file === undefined)) {
    throw cliError('metadata.bad-source', 'expected the metadata, or --file FILE with it', {
      hint: 'orlop metadata create FILE.iso TEXT',
    });
  }
  if (file !== undefined) {
    return readNamedFile(resolve(cwd, file)).catch((cause) => {
      throw cliError('metadata.no-source', `cannot read ${file}`, { cause });
    });
  }
  if (text !== '-') return Buffer.from(text ?? '');
  return readWhole(stdin, 'standard input');
}
