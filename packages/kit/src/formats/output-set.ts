import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { isRunning, ownIdentity, ownMark } from '@orlop/oci';
import { kitError } from '../errors.ts';
import { outputFile } from './output-place.ts';
import { WriteBehind } from './write-behind.ts';

/** A file that a format wrote. */
export interface FinishedOutput {
  readonly path: string;
  readonly sizeBytes: number;
}

/** Where a format writes its files. */
export interface OutputSink {
  /** Writes all of `content` to the output `name`; complete only when the whole set is committed. */
  write(name: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** An output that is written at random; whoever asks for it closes the handle. A second one replaces it. */
  open(name: string): Promise<FileHandle>;
  /** A folder on the same file system for what is needed on the way; it goes away with the set. */
  workFolder(): Promise<string>;
}

/**
 * The outputs of one build: written under other names and renamed when all of them are whole, so that a failure
 * leaves nothing and an older file is either untouched or replaced. What builds that were killed have left in the same
 * folder is removed by the next.
 */
export class OutputSet implements OutputSink {
  readonly #folder: string;
  readonly #signal: AbortSignal;
  /** Final path to temporary path. */
  readonly #outputs = new Map<string, string>();
  readonly #swept = new Set<string>();
  readonly #mark = ownMark();
  #work: string | undefined;
  #opened = 0;

  constructor(folder: string, { signal }: { signal: AbortSignal }) {
    this.#folder = folder;
    this.#signal = signal;
  }

  async write(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const file = await this.open(name);
    try {
      await writeStream(file, content, this.#signal);
    } finally {
      await file.close();
    }
  }

  async open(name: string): Promise<FileHandle> {
    const path = await outputFile(resolve(this.#folder, name));
    const temporary = await this.#temporary(dirname(path), `${this.#opened++}.part`);
    const earlier = this.#outputs.get(path);
    try {
      await makeFolder(dirname(path));
      // Whoever has it open can go on reading it.
      if (earlier !== undefined) await rm(earlier, { force: true });
      // 0644 whatever the umask: the same build gives the same file.
      const file = await open(temporary, 'w+', 0o644);
      this.#outputs.set(path, temporary);
      await file.chmod(0o644).catch(unlessFixed);
      return file;
    } catch (cause) {
      throw kitError('kit.output-failed', `cannot write ${path}`, { cause });
    }
  }

  async workFolder(): Promise<string> {
    if (this.#work === undefined) {
      const work = await this.#temporary(this.#folder, 'work');
      await makeFolder(this.#folder);
      await mkdir(work, { mode: 0o700 });
      this.#work = work;
    }
    return this.#work;
  }

  async #temporary(folder: string, ending: string): Promise<string> {
    if (!this.#swept.has(folder)) await removeLeftovers(folder);
    this.#swept.add(folder);
    return join(folder, `.orlop-${await ownIdentity()}@${hostname()}.${this.#mark}.${ending}`);
  }

  /** Gives all outputs their names. */
  async commit(): Promise<readonly FinishedOutput[]> {
    const finished: FinishedOutput[] = [];
    for (const [path, temporary] of this.#outputs) {
      const file = await open(temporary, 'r');
      const { size } = await file.stat();
      await file.close();
      await rename(temporary, path);
      finished.push({ path, sizeBytes: size });
    }
    this.#outputs.clear();
    await this.discard();
    return finished;
  }

  /** Removes whatever was not committed. */
  async discard(): Promise<void> {
    for (const temporary of this.#outputs.values()) await rm(temporary, { force: true });
    this.#outputs.clear();
    if (this.#work !== undefined) await rm(this.#work, { recursive: true, force: true });
    this.#work = undefined;
  }
}

/** Node's recursive mkdir tries for ever where a file system has no folders but its own, as /proc. */
async function makeFolder(folder: string): Promise<void> {
  const parent = dirname(folder);
  if (parent !== folder && !(await isFolder(parent))) await makeFolder(parent);
  await mkdir(folder).catch(async (error) => {
    if (!(await isFolder(folder))) throw error;
  });
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

/** Memory cards and some shares have one mode for all their files. */
function unlessFixed(error: NodeJS.ErrnoException): void {
  if (!['EPERM', 'EOPNOTSUPP', 'ENOSYS'].includes(error.code ?? '')) throw error;
}

/** What a set's temporary names are: whose they are, and on which host (or in which container). */
const TEMPORARY = /^\.orlop-(\d+-\d+)@(.+)\.[0-9a-f]+\.(?:work|\d+\.part)$/;

async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const [, identity, host] = TEMPORARY.exec(name) ?? [];
    if (identity === undefined || host !== hostname() || (await isRunning(identity))) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Writes all of a stream to a file, the next chunks being made while the ones before are written. */
export async function writeStream(
  file: FileHandle,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const writer = new WriteBehind(file);
  for await (const chunk of content) {
    signal.throwIfAborted();
    await writer.add(chunk);
  }
  await writer.end();
}
