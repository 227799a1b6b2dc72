import { constants as fs } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Snapshot } from '@orlop/api';
import { runTool } from '@orlop/vm';
import { engineError } from '../errors.ts';
import { diskUsage } from './data-disk.ts';
import type { InstancePaths } from './instance-paths.ts';

/** Copies of an engine's data disk, each with a file system that is whole. */
export class Snapshots {
  readonly #paths: InstancePaths;
  readonly #folder: string;
  /** Names of those that are being made. */
  readonly #making = new Set<string>();

  constructor(paths: InstancePaths) {
    this.#paths = paths;
    this.#folder = join(paths.folder, 'snapshots');
  }

  async list(): Promise<Snapshot[]> {
    const names = await readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const found = names.filter((name) => name.endsWith('.img')).sort();
    return Promise.all(
      found.map(async (file) => {
        const path = join(this.#folder, file);
        return {
          name: file.slice(0, -'.img'.length),
          createdAt: (await stat(path)).mtime.toISOString(),
          usedBytes: (await diskUsage(path)).usedBytes,
        };
      }),
    );
  }

  /**
   * @param options.copy makes the file that it is given, where the engine runs and its disk cannot just be copied
   * @throws OrlopError `engine.snapshot-exists`, `engine.no-data`, what `copy` throws
   */
  async create(
    name: string,
    { copy, signal }: { readonly copy?: (to: string) => Promise<void>; readonly signal?: AbortSignal } = {},
  ): Promise<Snapshot> {
    const path = this.#path(name);
    if (this.#making.has(name))
      throw engineError('engine.snapshot-exists', `a snapshot "${name}" is being made`);
    this.#making.add(name);
    try {
      if (await exists(path))
        throw engineError('engine.snapshot-exists', `there is a snapshot "${name}" already`);
      return await this.#make(name, copy ?? ((to) => copySparse(this.#paths.dataDisk, to, signal)));
    } finally {
      this.#making.delete(name);
    }
  }

  async #make(name: string, copy: (to: string) => Promise<void>): Promise<Snapshot> {
    if (!(await exists(this.#paths.dataDisk))) {
      throw engineError('engine.no-data', `the engine "${this.#paths.name}" has no data yet`);
    }
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await wholeOrNot(this.#path(name), copy);
    const made = (await this.list()).find((one) => one.name === name);
    if (made === undefined)
      throw engineError('engine.snapshot-failed', `the snapshot "${name}" is not there`);
    return made;
  }

  /** Puts the data back as it was; the snapshot stays. @throws OrlopError `engine.unknown-snapshot` */
  async restore(name: string, signal?: AbortSignal): Promise<void> {
    const from = await this.require(name);
    await wholeOrNot(this.#paths.dataDisk, (to) => copySparse(from, to, signal));
  }

  /** @throws OrlopError `engine.unknown-snapshot` */
  async remove(name: string): Promise<void> {
    await rm(await this.require(name));
  }

  /** @returns its file. @throws OrlopError `engine.unknown-snapshot` */
  async require(name: string): Promise<string> {
    const path = this.#path(name);
    if (await exists(path)) return path;
    const known = (await this.list()).map((one) => one.name).join(', ');
    throw engineError('engine.unknown-snapshot', `there is no snapshot "${name}"`, {
      hint: known === '' ? 'there is none: orlop snapshot create NAME' : `there are ${known}`,
    });
  }

  #path(name: string): string {
    if (!/^[a-zA-Z0-9][\w.-]{0,62}$/.test(name)) {
      throw engineError(
        'engine.bad-name',
        `"${name}" is no name of a snapshot: letters, digits, "_", "." and "-"`,
      );
    }
    return join(this.#folder, `${name}.img`);
  }
}

const COPY_TIMEOUT_MS = 3_600_000;

async function wholeOrNot(to: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${to}.tmp`;
  await rm(temporary, { force: true });
  try {
    await make(temporary);
    await flushFile(temporary);
    await rename(temporary, to);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Otherwise a power cut after the rename may leave less than either. */
async function flushFile(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Shared blocks where the file system has them, holes stay holes elsewhere. */
async function copySparse(from: string, to: string, signal?: AbortSignal): Promise<void> {
  const cloned = await copyFile(from, to, fs.COPYFILE_FICLONE_FORCE).then(
    () => true,
    () => false,
  );
  if (cloned) return;
  const { status, stderr } = await runTool('/bin/cp', ['--sparse=always', '--', from, to], {
    timeoutMs: COPY_TIMEOUT_MS,
    ...(signal && { signal }),
  });
  if (status !== 0)
    throw engineError('engine.snapshot-failed', `the disk could not be copied: ${stderr.trim()}`);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
