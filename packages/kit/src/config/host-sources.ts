import { createReadStream } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { OrlopError } from '@orlop/core';
import { kitError } from '../errors.ts';
import type { SourceReader, SourceText } from './load.ts';

export interface HostSourceOptions {
  /** What relative paths start at. */
  readonly cwd: string;
  /** What `~/` stands for in a file's `source`. */
  readonly home: string | undefined;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  /** The reference of the component in an absolute folder. @throws OrlopError */
  readonly componentReference: (folder: string) => Promise<string>;
  readonly signal: AbortSignal;
  /** @default the platform's fetch */
  readonly fetch?: typeof fetch;
}

/** Image descriptions are small; a larger one is something else. */
const MAX_SOURCE_BYTES = 16 * 2 ** 20;
const FETCH_TIMEOUT_MS = 30_000;

/** Reads image descriptions from files, standard input and the web. */
export class HostSources implements SourceReader {
  readonly #options: HostSourceOptions;

  constructor(options: HostSourceOptions) {
    this.#options = options;
  }

  async read(location: string, from?: string): Promise<SourceText> {
    if (location === '-')
      return { name: '<stdin>', text: await textOf(this.#options.stdin, 'standard input') };
    const base = from !== undefined && isUrl(from) ? from : undefined;
    if (isUrl(location) || base !== undefined) {
      if (!URL.canParse(location, base)) throw kitError('kit.source-unreadable', `${location} is no URL`);
      const url = new URL(location, base).href;
      return { name: url, text: await this.#fetch(url), identity: url };
    }
    const name = this.#pathOf(location, from);
    const path = resolve(this.#options.cwd, name);
    try {
      const text = await textOf(createReadStream(path), name);
      return { name, text, identity: await realpath(path) };
    } catch (cause) {
      if (cause instanceof OrlopError) throw cause;
      throw kitError('kit.source-unreadable', `cannot read ${name}`, { cause });
    }
  }

  async template(folder: string, from: string): Promise<string> {
    if (isUrl(from) || from === '<stdin>') {
      throw kitError('kit.invalid-option', `a template names a folder beside its file, but ${from} has none`);
    }
    // LinuxKit joins, so that a path with a leading slash also starts at the file's folder.
    return this.#options.componentReference(join(resolve(this.#options.cwd, dirname(from)), folder));
  }

  async fileProblem(source: string): Promise<string | undefined> {
    const path = this.hostPath(source);
    try {
      const file = await open(path, 'r');
      try {
        return (await file.stat()).isFile() ? undefined : `source ${source} is no file`;
      } finally {
        await file.close();
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return code === 'ENOENT' ? `source ${source} is not there` : `cannot read source ${source}: ${code}`;
    }
  }

  /** Where a file's `source` is: relative to the working folder, as LinuxKit has it. */
  hostPath(source: string): string {
    const { cwd, home } = this.#options;
    if (source.startsWith('~/') && home !== undefined) return join(home, source.slice(2));
    return resolve(cwd, source);
  }

  #pathOf(location: string, from: string | undefined): string {
    if (from === undefined || from === '<stdin>' || isAbsolute(location)) return location;
    return join(dirname(from), location);
  }

  async #fetch(url: string): Promise<string> {
    const request = this.#options.fetch ?? fetch;
    const signal = AbortSignal.any([this.#options.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]);
    try {
      const response = await request(url, { signal });
      if (response.ok) return await textOf(response.body ?? [], url);
      throw kitError('kit.source-unreadable', `${url} answers ${response.status} ${response.statusText}`);
    } catch (cause) {
      this.#options.signal.throwIfAborted();
      if (cause instanceof OrlopError) throw cause;
      throw kitError('kit.source-unavailable', `cannot fetch ${url}`, { cause });
    }
  }
}

/** @throws OrlopError when it is too large, or no text in UTF-8 or, by its byte order mark, UTF-16 */
async function textOf(
  chunks: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array>,
  name: string,
): Promise<string> {
  const read: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of chunks) {
    const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk;
    total += bytes.length;
    if (total > MAX_SOURCE_BYTES) throw tooLarge(name);
    read.push(bytes);
  }
  const bytes = Buffer.concat(read);
  const encoding = ENCODINGS.find(({ mark }) => bytes.indexOf(mark) === 0)?.encoding ?? 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw kitError('kit.source-unreadable', `${name} is no text in ${encoding.toUpperCase()}`, {
      cause,
      hint: 'an image description is UTF-8, or UTF-16 with a byte order mark',
    });
  }
}

/** YAML 1.2 §5.2: the byte order mark tells. Windows' PowerShell writes UTF-16. */
const ENCODINGS = [
  { mark: Uint8Array.of(0xff, 0xfe), encoding: 'utf-16le' },
  { mark: Uint8Array.of(0xfe, 0xff), encoding: 'utf-16be' },
];

function isUrl(text: string): boolean {
  return /^https?:\/\//.test(text);
}

function tooLarge(what: string): OrlopError {
  return kitError(
    'kit.source-unreadable',
    `${what} is over ${MAX_SOURCE_BYTES / 2 ** 20} MiB: no image description is`,
  );
}
