import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { vmError } from './errors.ts';
import type { MachineState } from './machine.ts';
import type { checkSpec, MachineSpec } from './machine-spec.ts';

/** The names inside a machine's folder. Sockets are reached relative to it, so that its path may be long. */
export const machineFiles = {
  spec: 'spec.json',
  state: 'state.json',
  /** What stays the same over restarts: the addresses of network cards, the machine's UUID. */
  identity: 'identity.json',
  launch: 'launch.json',
  pid: 'machine.pid',
  startLock: 'start.lock',
  /** What the driver's process said on its standard error. */
  stderr: 'driver.log',
  consoleLog: 'console.log',
  consoleSocket: 'console.sock',
  consoleLock: 'console.lock',
  commandSocket: 'commands.sock',
  eventSocket: 'events.sock',
  firmwareVariables: 'firmware-variables.fd',
  metadata: 'data.iso',
  /** There only while an emulated machine starts. */
  unpackedKernel: 'kernel.elf',
  unpackedInitrd: 'initrd.cpio',
  /** Memory and devices of a machine that was saved, and what they belong to. */
  saved: 'saved.zst',
  savedRecord: 'saved.json',
} as const;

const STATE_KINDS: ReadonlySet<string> = new Set<MachineState['kind']>([
  'created',
  'starting',
  'running',
  'stopped',
]);

/** A machine's folder: one machine, one folder, 0700, every file written whole or not at all. */
export class MachineFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  file(name: keyof typeof machineFiles): string {
    return join(this.path, machineFiles[name]);
  }

  async make(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
  }

  /** @throws OrlopError `vm.bad-state`, of what an Orlop wrote that knows other states as well */
  async readState(): Promise<MachineState | undefined> {
    const state = await this.readJson<MachineState>('state');
    if (state === undefined || STATE_KINDS.has(state.kind)) return state;
    throw this.#damaged('state', new Error(`"${state.kind}" is no state of a machine`));
  }

  writeState(state: MachineState): Promise<void> {
    return this.writeJson('state', state);
  }

  /** @throws OrlopError `vm.bad-state` */
  async readSpec(): Promise<MachineSpec | undefined> {
    const spec = await this.readJson<MachineSpec>('spec');
    if (spec === undefined || isWhole(spec)) return spec;
    throw this.#damaged('spec');
  }

  writeSpec(spec: MachineSpec): Promise<void> {
    return this.writeJson('spec', spec);
  }

  async readJson<T>(name: keyof typeof machineFiles): Promise<T | undefined> {
    const path = this.file(name);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      // Written by this class alone, in a folder that is the user's alone; a power cut may have left less.
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null) return value as T;
    } catch (cause) {
      throw this.#damaged(name, cause);
    }
    throw this.#damaged(name);
  }

  #damaged(name: keyof typeof machineFiles, cause?: unknown): Error {
    return vmError('vm.bad-state', `"${this.file(name)}" is damaged`, {
      ...(cause !== undefined && { cause }),
      hint: 'remove the machine with `orlop rm` and start it anew',
    });
  }

  async writeJson(name: keyof typeof machineFiles, value: unknown): Promise<void> {
    await replaceFile(this.file(name), `${JSON.stringify(value, undefined, 2)}\n`);
  }

  /** Removes a file of the folder; harmless when there is none. */
  async remove(name: keyof typeof machineFiles): Promise<void> {
    await rm(this.file(name), { force: true });
  }
}

/** Of virtiofsd: sockets, logs, and what says that it serves. */
const SHARE_FILE = /^share\d+[.-]/;

/**
 * Removes what a machine keeps in a folder, and the folder itself unless something else is in it.
 *
 * @param isOwn further names that are the machine's
 * @returns the names of what stays
 */
export async function removeMachineFiles(
  path: string,
  isOwn: (name: string) => boolean = () => false,
): Promise<readonly string[]> {
  const known = Object.values(machineFiles);
  // With what is made on the way to a file, and what it was before: spec.json.UUID.tmp, console.log.1.
  const isMachines = (name: string) =>
    known.some((one) => name === one || name.startsWith(`${one}.`)) || SHARE_FILE.test(name) || isOwn(name);
  const names = await readdir(path);
  for (const name of names.filter(isMachines)) await rm(join(path, name), { force: true });
  const left = names.filter((name) => !isMachines(name));
  if (left.length === 0) await rmdir(path);
  return left;
}

/** Whether all is there that every machine has; what {@link checkSpec} of it holds is not looked at again. */
function isWhole(spec: Partial<MachineSpec>): boolean {
  const { name, arch, cpus, memoryMiB, boot } = spec;
  const lists = [spec.disks, spec.cdroms, spec.networks, spec.channels, spec.shares];
  return (
    [name, arch, boot?.kind].every((text) => typeof text === 'string') &&
    [cpus, memoryMiB].every((number) => typeof number === 'number') &&
    lists.every(Array.isArray)
  );
}

/** Writes a file (0600) whole or not at all. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
