import { lstat, mkdir, readdir, realpath, rm, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Architecture, OrlopError, parseArchitecture } from '@orlop/core';
import {
  type AcceleratorChoice,
  type AcceleratorName,
  chooseAccelerator,
  isMachineName,
  type Machine,
  type MachineState,
  type QemuDriver,
  removeMachineFiles,
} from '@orlop/vm';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { makeFolder } from '../make-home.ts';
import { createQemuDriver, hostClock } from '../qemu-driver.ts';

/** What a run keeps in a machine's folder for `orlop start`. */
export const RECORD_FILE = 'run.json';
/** A disk that `--disk` has a size but no path for. */
const MADE_DISK = /^disk\d+\.img$/;
/** What the engine's machines are called. */
const ENGINE_PREFIX = 'engine-';

/** The machines under the user's state folder: one folder each, or a link to one that `--state` named. */
export class Machines {
  readonly driver: QemuDriver;
  readonly #context: CommandContext;

  /** @param programs what to use in place of the QEMU and virtiofsd that are found */
  constructor(
    context: CommandContext,
    programs: { readonly qemu?: string; readonly virtiofsd?: string } = {},
  ) {
    this.#context = context;
    this.driver = createQemuDriver(context, programs);
  }

  /**
   * The folder of a machine, made when missing; `state` is the user's own choice of a place.
   * @throws OrlopError `run.bad-name`, `run.name-taken`
   */
  async place(name: string, state: string | undefined): Promise<string> {
    if (!isMachineName(name)) {
      throw cliError('run.bad-name', `"${name}" is no name of a machine`, {
        hint: 'letters, digits, "_", "." and "-", at most 63, and no sign first',
      });
    }
    await mkdir(this.#context.paths.machines, { recursive: true, mode: 0o700 });
    const own = join(this.#context.paths.machines, name);
    if (state === undefined) {
      await mkdir(own, { recursive: true, mode: 0o700 });
      return own;
    }
    const chosen = resolve(this.#context.cwd, state);
    makeFolder(chosen);
    const place = await realpath(own).catch(() => undefined);
    if (place === undefined) {
      // Nothing, or a link to a folder that scripts have removed.
      await rm(own, { force: true });
      await symlink(chosen, own);
    } else if (place !== (await realpath(chosen))) {
      throw cliError('run.name-taken', `there is a machine "${name}" in "${own}" already`, {
        hint: `remove it with \`orlop rm ${name}\`, or give this one another --name`,
      });
    }
    return chosen;
  }

  /** @throws OrlopError `run.unknown-machine` */
  async open(name: string): Promise<Machine> {
    const folder = join(this.#context.paths.machines, name);
    if (isMachineName(name) && (await lstat(folder).catch(() => undefined)) !== undefined) {
      return this.driver.open(folder);
    }
    if (name.startsWith(ENGINE_PREFIX)) {
      throw cliError(
        'run.unknown-machine',
        `the engine "${name.slice(ENGINE_PREFIX.length)}" has no machine`,
        {
          hint: 'orlop up',
        },
      );
    }
    const known = (await this.list()).map(({ machine }) => machine.spec.name);
    throw cliError('run.unknown-machine', `there is no machine "${name}"`, {
      hint:
        known.length === 0 ? 'there is none at all: `orlop run` makes one' : `there are: ${known.join(', ')}`,
    });
  }

  async names(): Promise<string[]> {
    const entries = await readdir(this.#context.paths.machines).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const names: string[] = [];
    for (const name of entries.filter(isMachineName).sort()) {
      // A link whose folder was removed is no machine any more.
      const there = await realpath(join(this.#context.paths.machines, name)).catch(() => undefined);
      if (there !== undefined) names.push(name);
    }
    return names;
  }

  /** Every machine with its state; a folder that holds none yet is left out. */
  async list(): Promise<{ machine: Machine; state: MachineState }[]> {
    const found: { machine: Machine; state: MachineState }[] = [];
    for (const name of await this.names()) {
      try {
        const machine = await this.driver.open(join(this.#context.paths.machines, name));
        found.push({ machine, state: await machine.state() });
      } catch (error) {
        if (!(error instanceof OrlopError)) throw error;
        // A run that was refused before it began leaves a folder of no machine.
        if (error.code === 'vm.not-found') continue;
        this.#context.logger.warn('a machine cannot be read', { name, reason: error.message });
      }
    }
    return found;
  }

  /** Removes a machine that does not run, with its folder; of one that `--state` named, only what is the machine's. */
  async remove(name: string): Promise<void> {
    const own = join(this.#context.paths.machines, name);
    const found = await lstat(own).catch(() => undefined);
    if (found?.isSymbolicLink() !== true) {
      await rm(own, { recursive: true, force: true });
      return;
    }
    const folder = await realpath(own).catch(() => undefined);
    await rm(own, { force: true });
    if (folder === undefined) return;
    const left = await removeMachineFiles(
      folder,
      (file) => file.startsWith(RECORD_FILE) || MADE_DISK.test(file),
    );
    if (left.length > 0)
      this.#context.stderr.write(`orlop: ${folder} stays: what else is in it is not of ${name}\n`);
  }

  chooseAccelerator(
    wanted: readonly AcceleratorName[] | 'auto',
    { arch, refresh = false }: { arch: Architecture; refresh?: boolean },
  ): Promise<AcceleratorChoice> {
    return chooseAccelerator(wanted, {
      arch,
      hostArch: parseArchitecture(process.arch),
      hostPlatform: process.platform,
      searchPath: this.#context.env['PATH'] ?? '',
      cacheFolder: this.#context.paths.probes,
      clock: hostClock,
      refresh,
      signal: this.#context.signal,
    });
  }
}
