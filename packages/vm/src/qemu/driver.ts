import { spawn } from 'node:child_process';
import { open, rename, rm } from 'node:fs/promises';
import { OrlopError, type Random } from '@orlop/core';
import { vmError } from '../errors.ts';
import { requireProgram } from '../find-program.ts';
import { NEW_LOG } from '../log-files.ts';
import type { Driver, DriverDependencies, Machine, StartOptions } from '../machine.ts';
import { MachineFolder } from '../machine-folder.ts';
import { type Boot, checkSpec, type MachineSpec } from '../machine-spec.ts';
import { identifyProcess } from '../process-identity.ts';
import { takeProcessLock } from '../process-lock.ts';
import { connectUnixSocket } from '../unix-socket.ts';
import { needsUefi, qemuArguments } from './arguments.ts';
import { ensureDisk } from './disk-image.ts';
import { removeUnpacked, unpackBoot } from './emulated-boot.ts';
import { prepareUefi } from './firmware.ts';
import { endInterruptedStart } from './interrupted-start.ts';
import { Leash } from './leash.ts';
import { fingerprintMachine } from './machine-fingerprint.ts';
import { createMac, createUuid, type MachineIdentity } from './machine-identity.ts';
import { qemuPrograms } from './programs.ts';
import { QemuMachine } from './qemu-machine.ts';
import { QmpClient } from './qmp-client.ts';
import { incomingCommand, readSavedState, removeSavedState, waitForIncoming } from './saved-state.ts';
import { explainDamage, explainFailure } from './start-failure.ts';
import { findVirtiofsd, startVirtiofsd, type Virtiofsd } from './virtiofsd.ts';

/** How long QEMU may take from its start until its monitor answers; it does so within 0.1 s on an idle machine. */
const MONITOR_TIMEOUT_MS = 20_000;
const MONITOR_POLL_MS = 10;

/** Runs machines under QEMU. */
export class QemuDriver implements Driver {
  readonly name = 'qemu';
  readonly #given: DriverDependencies;

  constructor(given: DriverDependencies) {
    this.#given = given;
  }

  /**
   * Starts a machine in its folder; a machine that ran there before keeps its addresses, disks and UEFI variables.
   * @throws OrlopError `vm.running`, `vm.start-failed`, `vm.port-busy`, `vm.tool-missing`, `vm.cancelled`, …
   */
  async start(spec: MachineSpec, options: StartOptions): Promise<Machine> {
    checkSpec(spec);
    const folder = new MachineFolder(options.folder);
    await folder.make();
    const lock = await takeProcessLock(folder.file('startLock'));
    if (lock.kind === 'busy') {
      throw vmError('vm.running', `machine "${spec.name}" is being started by process ${lock.holder ?? '?'}`);
    }
    try {
      await this.#refuseRunning(folder, spec.name);
      await endInterruptedStart(folder);
      return await this.#startAlone(spec, folder, options);
    } finally {
      await lock.release();
    }
  }

  async #startAlone(spec: MachineSpec, folder: MachineFolder, options: StartOptions): Promise<Machine> {
    await folder.writeSpec(spec);
    await folder.writeState({ kind: 'starting', at: this.#now() });
    const servers: Virtiofsd[] = [];
    try {
      return await this.#start(spec, folder, { ...options, servers });
    } catch (error) {
      for (const server of servers) server.kill();
      const detail = error instanceof Error ? error.message : String(error);
      await folder.writeState({ kind: 'stopped', at: this.#now(), reason: 'start-failed', detail });
      throw error;
    } finally {
      await removeUnpacked(folder);
    }
  }

  async open(path: string): Promise<Machine> {
    const folder = new MachineFolder(path);
    const spec = await folder.readSpec();
    if (spec === undefined) {
      throw vmError('vm.not-found', `there is no machine in "${path}"`, {
        hint: '`orlop ps --all` lists them',
      });
    }
    return new QemuMachine(spec, folder, this.#given);
  }

  async #refuseRunning(folder: MachineFolder, name: string): Promise<void> {
    const spec = await folder.readSpec();
    if (spec === undefined) return;
    const state = await new QemuMachine(spec, folder, this.#given).state();
    if (state.kind !== 'running') return;
    throw vmError('vm.running', `machine "${name}" runs already, as process ${state.process.pid}`, {
      hint: `stop it with \`orlop stop ${name}\`, or give this one another --name`,
    });
  }

  async #start(
    spec: MachineSpec,
    folder: MachineFolder,
    options: StartOptions & { readonly servers: Virtiofsd[] },
  ): Promise<Machine> {
    const { searchPath, random, programs } = this.#given;
    const { signal, servers } = options;
    const program = await requireProgram(programs?.qemu ?? qemuPrograms[spec.arch].name, {
      searchPath,
      debianPackage: qemuPrograms[spec.arch].debianPackage,
    });
    for (const disk of spec.disks) {
      await ensureDisk(disk, signal === undefined ? { searchPath } : { searchPath, signal });
    }
    const uefi = needsUefi(spec) ? await prepareUefi(spec, folder) : undefined;
    const identity = await ensureIdentity(spec, folder, random);
    const served = options.fromSaved === true ? [] : spec.shares.filter(({ kind }) => kind === 'virtiofs');
    for (const [index, share] of served.entries()) {
      servers.push(
        await startVirtiofsd(share, {
          index,
          folder: folder.path,
          program: programs?.virtiofsd ?? (await findVirtiofsd(searchPath)),
          searchPath,
        }),
      );
    }
    const surroundings = {
      accelerator: options.accelerator,
      macs: spec.networks.map((network, index) => network.mac ?? identity.macs[index] ?? ''),
      uuid: identity.uuid,
      ...(uefi === undefined ? {} : { uefi }),
      virtiofsSockets: undefined,
      paused: false,
    };
    // Shares are away while a machine is saved.
    const launch = { program, args: qemuArguments(spec, surroundings) };
    if (options.fromSaved === true) await refuseStale(folder, await fingerprintMachine(spec, launch));
    await folder.writeJson('launch', launch);
    const boot = await this.#prepareBoot(spec, folder, options);
    const args = qemuArguments(
      { ...spec, boot },
      {
        ...surroundings,
        paused: options.paused === true,
        ...(options.fromSaved !== true && { virtiofsSockets: servers.map((server) => server.socket) }),
        ...(options.fromSaved === true && { incoming: incomingCommand }),
      },
    );
    await prepareFiles(folder);
    signal?.throwIfAborted();
    return this.#spawn(program, args, { spec, folder, options });
  }

  async #prepareBoot(spec: MachineSpec, folder: MachineFolder, options: StartOptions): Promise<Boot> {
    if (options.accelerator !== 'tcg' || spec.boot.kind !== 'kernel') return spec.boot;
    const { searchPath } = this.#given;
    const around = { folder, searchPath, ...(options.signal !== undefined && { signal: options.signal }) };
    return unpackBoot(spec, spec.boot, around);
  }

  async #spawn(
    program: string,
    args: readonly string[],
    { spec, folder, options }: { spec: MachineSpec; folder: MachineFolder; options: StartOptions },
  ): Promise<Machine> {
    const { logger } = this.#given;
    logger.debug('starts QEMU', { command: [program, ...args].join(' ') });
    const log = await open(folder.file('stderr'), NEW_LOG, 0o600);
    // A process group of its own: a terminal's Ctrl-C reaches Orlop, which then ends the machine in order.
    const child = spawn(program, args, {
      cwd: folder.path,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    const leash = options.bound === true && child.pid !== undefined ? new Leash(child.pid) : undefined;
    child.once('exit', () => leash?.release());
    const ended = new Promise<Error>((resolve) => {
      child.once('error', resolve);
      child.once('exit', (status, signal) =>
        resolve(new Error(`QEMU ended with ${signal ?? `status ${status}`}`)),
      );
    });
    await log.close();
    const explain = (failure: Error) =>
      options.fromSaved === true ? explainDamage(folder, failure) : explainFailure(folder, failure);
    const waiting = new AbortController();
    try {
      const process = child.pid === undefined ? undefined : await identifyProcess(child.pid);
      if (process !== undefined) await folder.writeState({ kind: 'starting', at: this.#now(), process });
      const signal = AbortSignal.any(
        options.signal === undefined ? [waiting.signal] : [waiting.signal, options.signal],
      );
      const failure = await Promise.race([ended, this.#waitForMonitor(folder, signal)]);
      if (failure !== undefined) throw await explain(failure);
      if (process === undefined) throw await explainFailure(folder, await ended);
      if (options.fromSaved === true) {
        // QEMU ends when it cannot make sense of a state, and its monitor may go before it.
        const takenIn = takeStateIn(folder, signal).catch((error) => {
          if (error instanceof OrlopError && error.code === 'vm.qmp-closed') return ended;
          throw error;
        });
        const damage = await Promise.race([ended, takenIn]);
        if (damage !== undefined) throw await explain(damage);
      }
      await folder.writeState({
        kind: 'running',
        at: this.#now(),
        process,
        accelerator: options.accelerator,
      });
    } catch (error) {
      child.kill('SIGKILL');
      if (error instanceof OrlopError && error.code === 'vm.save-damaged') await removeSavedState(folder);
      throw error;
    } finally {
      waiting.abort();
    }
    child.unref();
    return new QemuMachine(spec, folder, this.#given, { child, leash });
  }

  async #waitForMonitor(folder: MachineFolder, signal: AbortSignal): Promise<undefined> {
    for (let waited = 0; ; waited += MONITOR_POLL_MS) {
      if (signal.aborted) throw vmError('vm.cancelled', 'the start was stopped', { cause: signal.reason });
      if (waited > MONITOR_TIMEOUT_MS) {
        throw vmError('vm.timeout', `QEMU's monitor did not answer within ${MONITOR_TIMEOUT_MS / 1000} s`);
      }
      if (await answers(folder)) return undefined;
      await new Promise((resolve) => setTimeout(resolve, MONITOR_POLL_MS));
    }
  }

  #now(): string {
    return new Date(this.#given.clock.wallMs()).toISOString();
  }
}

/** A monitor that closes at once belongs to a QEMU that is about to end; its end tells more. */
async function answers(folder: MachineFolder): Promise<boolean> {
  try {
    const qmp = await QmpClient.connect(await connectUnixSocket(folder.file('commandSocket')));
    qmp.close();
    return true;
  } catch {
    return false;
  }
}

/** @throws OrlopError `vm.not-saved`, `vm.save-stale` */
async function refuseStale(folder: MachineFolder, fingerprint: string): Promise<void> {
  const saved = await readSavedState(folder);
  if (saved === undefined) throw vmError('vm.not-saved', `there is no saved state in "${folder.path}"`);
  if (saved.fingerprint === fingerprint) return;
  throw vmError(
    'vm.save-stale',
    `the state saved at ${saved.savedAt} is of another machine than this one now is`,
    {
      hint: 'its settings, its image, its disks, QEMU or the processor have changed since; it starts anew without it',
    },
  );
}

async function takeStateIn(folder: MachineFolder, signal: AbortSignal): Promise<undefined> {
  const qmp = await QmpClient.connect(await connectUnixSocket(folder.file('commandSocket')));
  try {
    await waitForIncoming(qmp, { folder, signal });
  } finally {
    qmp.close();
  }
  return undefined;
}

/** The console's log of the run before stays as `console.log.1`; sockets of a process that was killed go. */
async function prepareFiles(folder: MachineFolder): Promise<void> {
  await rename(folder.file('consoleLog'), `${folder.file('consoleLog')}.1`).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    },
  );
  // QEMU would make the log with the process's umask: it may hold secrets.
  await (await open(folder.file('consoleLog'), 'a', 0o600)).close();
  for (const name of ['pid', 'consoleSocket', 'commandSocket', 'eventSocket', 'consoleLock'] as const) {
    await folder.remove(name);
  }
}

/** What stays the same over restarts; grows with the number of cards. */
async function ensureIdentity(
  spec: MachineSpec,
  folder: MachineFolder,
  random: Random,
): Promise<MachineIdentity> {
  const kept = await folder.readJson<MachineIdentity>('identity');
  const macs = [...(kept?.macs ?? [])];
  while (macs.length < spec.networks.length) macs.push(createMac(random));
  const identity = { uuid: kept?.uuid ?? createUuid(random), macs };
  await folder.writeJson('identity', identity);
  return identity;
}

/** Removes everything that a machine has; it must not run. */
export async function removeMachineFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}
