import { open, readFile, realpath } from 'node:fs/promises';
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
    if (location === '-') return { name: '<stdin>', text: await this.#readStdin() };
    const base = from !== undefined && isUrl(from) ? from : undefined;
    if (isUrl(location) || base !== undefined) {
      const url = new URL(location, base).href;
      return { name: url, text: await this.#fetch(url), identity: url };
    }
    const name = this.#pathOf(location, from);
    const path = resolve(this.#options.cwd, name);
    try {
      const text = await readText(path);
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

  async #readStdin(): Promise<string> {
    const chunks: Uint8Array[] = [];
    let total = 0;
    for await (const chunk of this.#options.stdin) {
      const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk;
      total += bytes.length;
      if (total > MAX_SOURCE_BYTES) throw tooLarge('standard input');
      chunks.push(bytes);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  async #fetch(url: string): Promise<string> {
    const request = this.#options.fetch ?? fetch;
    const signal = AbortSignal.any([this.#options.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]);
    let response: Response;
    let bytes: Uint8Array;
    try {
      response = await request(url, { signal });
      bytes = new Uint8Array(await response.arrayBuffer());
    } catch (cause) {
      this.#options.signal.throwIfAborted();
      throw kitError('kit.source-unavailable', `cannot fetch ${url}`, { cause });
    }
    if (!response.ok) {
      throw kitError('kit.source-unreadable', `${url} answers ${response.status} ${response.statusText}`);
    }
    if (bytes.length > MAX_SOURCE_BYTES) throw tooLarge(url);
    return new TextDecoder().decode(bytes);
  }
}

async function readText(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > MAX_SOURCE_BYTES) throw tooLarge(path);
    return await readFile(file, 'utf8');
  } finally {
    await file.close();
  }
}

function isUrl(text: string): boolean {
  return /^https?:\/\//.test(text);
}

function tooLarge(what: string): OrlopError {
  return kitError(
    'kit.source-unreadable',
    `${what} is over ${MAX_SOURCE_BYTES / 2 ** 20} MiB: no image description is`,
  );
}
