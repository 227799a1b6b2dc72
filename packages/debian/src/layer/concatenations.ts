import { type ArchiveEntry, bodyBytes, bytesBody } from '@orlop/archive';
import type { FileDefinition } from '../definition/definition.ts';
import { debianError } from '../errors.ts';
import type { Accounts } from './accounts.ts';
import { ownHeader } from './entries.ts';
import { compileGlob } from './globs.ts';

interface Concatenation {
  readonly file: FileDefinition;
  readonly pattern: RegExp;
  readonly parts: Map<string, Uint8Array>;
}

/** Files that are put together out of files of the packages, such as a bundle of certificates. */
export class Concatenations {
  readonly #all: readonly Concatenation[];

  constructor(files: readonly FileDefinition[]) {
    this.#all = files.flatMap((file) =>
      file.content.kind === 'concatenate'
        ? [{ file, pattern: compileGlob(file.content.pattern), parts: new Map<string, Uint8Array>() }]
        : [],
    );
  }

  get paths(): readonly string[] {
    return this.#all.map(({ file }) => file.path);
  }

  /** Keeps a copy of a package's file if it is a part of one; returns a body that may still be read. */
  async offer(path: string, entry: ArchiveEntry): Promise<ArchiveEntry['body']> {
    const isFile = entry.header.type === 'file';
    const wanted = isFile ? this.#all.filter(({ pattern }) => pattern.test(path)) : [];
    if (wanted.length === 0) return entry.body;
    const bytes = await bodyBytes(entry);
    for (const { parts } of wanted) parts.set(path, bytes);
    return bytesBody(bytes);
  }

  /** @throws OrlopError `debian.unmatched-pattern` when one has no part. */
  *entries(accounts: Accounts): Generator<ArchiveEntry> {
    for (const { file, parts } of this.#all) {
      if (parts.size === 0) {
        throw debianError('debian.unmatched-pattern', `nothing in the packages belongs to ${file.path}`, {
          problems: [{ message: 'concatenate matches no file', position: file.position }],
        });
      }
      const sorted = [...parts].sort(([a], [b]) => (a < b ? -1 : 1));
      const bytes = Buffer.concat(sorted.map(([, part]) => part));
      yield {
        header: ownHeader({
          ...{ name: file.path, type: 'file', mode: file.mode, sizeBytes: bytes.length },
          ...accounts.resolve(file.owner),
        }),
        body: bytesBody(bytes),
      };
    }
  }
}
