import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
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
 * leaves nothing and an older file is either untouched or replaced.
 */
export class OutputSet implements OutputSink {
  readonly #folder: string;
  readonly #mark: string;
  readonly #signal: AbortSignal;
  /** Final path to temporary path. */
  readonly #outputs = new Map<string, string>();
  #work: string | undefined;
  #opened = 0;

  /** @param mark tells the temporary names of two builds apart, e.g. a process id */
  constructor(folder: string, { mark, signal }: { mark: string; signal: AbortSignal }) {
    this.#folder = folder;
    this.#mark = mark;
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
    const temporary = join(dirname(path), `.${basename(path)}.${this.#mark}.${this.#opened++}.part`);
    const earlier = this.#outputs.get(path);
    this.#outputs.set(path, temporary);
    try {
      await mkdir(dirname(path), { recursive: true });
      // Whoever has it open can go on reading it.
      if (earlier !== undefined) await rm(earlier, { force: true });
      // 0644 whatever the umask: the same build gives the same file.
      const file = await open(temporary, 'w+', 0o644);
      await file.chmod(0o644);
      return file;
    } catch (cause) {
      throw kitError('kit.output-failed', `cannot write ${path}`, { cause });
    }
  }

  async workFolder(): Promise<string> {
    if (this.#work === undefined) {
      this.#work = join(this.#folder, `.orlop-build.${this.#mark}`);
      // The mode is of the last folder only where the others are there.
      await mkdir(this.#folder, { recursive: true });
      await mkdir(this.#work, { recursive: true, mode: 0o700 });
    }
    return this.#work;
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
