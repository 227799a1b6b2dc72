import type { ChildProcess } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ConsoleSocket } from '../console/console-socket.ts';
import { vmError } from '../errors.ts';
import { requireProgram } from '../find-program.ts';
import type {
  DiskBackup,
  DriverDependencies,
  Machine,
  MachineConsole,
  MachineState,
  ProcessorWatch,
  SavedState,
  StoppedState,
  StopReason,
} from '../machine.ts';
import type { MachineFolder } from '../machine-folder.ts';
import type { MachineSpec } from '../machine-spec.ts';
import { findProcess, signalProcess } from '../process-identity.ts';
import { connectUnixSocket } from '../unix-socket.ts';
import { diskNode } from './arguments.ts';
import { beginDiskBackup } from './disk-backup.ts';
import { readDriverLog } from './driver-log.ts';
import type { Leash } from './leash.ts';
import { fingerprintMachine, type Launch } from './machine-fingerprint.ts';
import { isStoppedForRoom, watchProcessors } from './processor-watch.ts';
import { zstdProgram } from './programs.ts';
import { QmpClient } from './qmp-client.ts';
import { readSavedState, recordState, removeSavedState, writeState } from './saved-state.ts';
import { SharePlugs } from './share-plugs.ts';

type RunningState = Extract<MachineState, { kind: 'running' }>;

/** How often a process that is not this one's child is looked for. */
const PRESENCE_POLL_MS = 100;
/** And who waits for long looks less and less often: each look reads three files. */
const LONGEST_POLL_MS = 1000;
/** The end of a child is told. */
const CHILD_POLL_MS = 5000;
/** How long QEMU may take to quit when its monitor is told to; it writes back its disks' caches then. */
const QUIT_TIMEOUT_MS = 5000;
const KILL_TIMEOUT_MS = 5000;
/** How often the power button is pressed: a guest whose kernel does not listen yet misses a press. */
const PRESS_AGAIN_MS = 2000;

/** A machine in its folder, with its process if it runs. Any number of these, in any process, may stand for one machine. */
export class QemuMachine implements Machine {
  readonly spec: MachineSpec;
  readonly console: MachineConsole;
  readonly #folder: MachineFolder;
  readonly #given: DriverDependencies;
  readonly #child: ChildProcess | undefined;
  readonly #leash: Leash | undefined;
  readonly #plugs: SharePlugs;

  /** @param own the process and what ties it to this one, where this one started it */
  constructor(
    spec: MachineSpec,
    folder: MachineFolder,
    given: DriverDependencies,
    own: { readonly child?: ChildProcess; readonly leash?: Leash | undefined } = {},
  ) {
    this.spec = spec;
    this.#folder = folder;
    this.#given = given;
    this.#child = own.child;
    this.#leash = own.leash;
    this.console = new ConsoleSocket(folder, spec.name);
    const execute = this.execute.bind(this);
    this.#plugs = new SharePlugs({ shares: spec.shares, folder, given, execute });
  }

  get folder(): string {
    return this.#folder.path;
  }

  async state(): Promise<MachineState> {
    const state = (await this.#folder.readState()) ?? { kind: 'created' };
    if (state.kind !== 'running') return state;
    const presence = await findProcess(state.process);
    if (presence === 'present') return state;
    return this.#conclude(presence === 'host-restarted' ? 'host-restarted' : undefined);
  }

  async resume(): Promise<void> {
    await this.execute('cont');
    // Its disks are no longer those of a saved state. Should this not come to pass, the state's fingerprint tells.
    await removeSavedState(this.#folder);
  }

  async pause(): Promise<void> {
    await this.execute('stop');
  }

  async watchProcessors(watch: ProcessorWatch): Promise<void> {
    await watchProcessors(await connectUnixSocket(this.#folder.file('eventSocket')), watch);
  }

  async standsStill(): Promise<boolean> {
    return isStoppedForRoom(await this.execute('query-status'));
  }

  async lostShares(): Promise<readonly string[]> {
    return this.#plugs.lost();
  }

  async replacedShares(): Promise<readonly string[]> {
    return this.#plugs.replaced();
  }

  async crowdedShares(): Promise<readonly string[]> {
    return this.#plugs.crowded();
  }

  async unplugShare(hostPath: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    await this.#plugs.unplug(hostPath, signal);
  }

  async plugShare(hostPath: string): Promise<void> {
    await this.#plugs.plug(hostPath);
  }

  async powerDown(): Promise<void> {
    await this.execute('system_powerdown');
  }

  /** Gives QEMU one command of its machine protocol. */
  async execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    await this.#requireRunning();
    const qmp = await this.#connect();
    try {
      return await qmp.execute(command, args);
    } finally {
      qmp.close();
    }
  }

  async save({ signal }: { signal?: AbortSignal } = {}): Promise<SavedState> {
    const { process } = await this.#requireRunning();
    const { name, debianPackage } = zstdProgram;
    await requireProgram(name, { searchPath: this.#given.searchPath, debianPackage });
    const qmp = await this.#connect();
    try {
      const { running } = (await qmp.execute('query-status')) as { readonly running: boolean };
      await qmp.execute('stop');
      try {
        await writeState(qmp, { folder: this.#folder, ...(signal !== undefined && { signal }) });
        // QEMU has let go of its disks. Counted before it quits, the state outlives whoever is killed in between.
        await this.#recordSaved(new Date(this.#given.clock.wallMs()).toISOString());
      } catch (error) {
        await removeSavedState(this.#folder);
        if (running) await qmp.execute('cont');
        throw error;
      }
      await qmp.execute('quit').catch(() => undefined); // it may close the monitor before it answers
    } finally {
      qmp.close();
    }
    if (!(await this.#waitUntilGone(process, QUIT_TIMEOUT_MS))) await this.kill();
    const { at } = await this.#conclude('saved');
    return this.#recordSaved(at);
  }

  async #recordSaved(savedAt: string): Promise<SavedState> {
    const launch = await this.#folder.readJson<Launch>('launch');
    if (launch === undefined) throw vmError('vm.bad-state', `"${this.#folder.file('launch')}" is missing`);
    const fingerprint = await fingerprintMachine(this.spec, launch);
    return recordState(this.#folder, { fingerprint, savedAt });
  }

  async backupDisk(index: number, path: string): Promise<DiskBackup> {
    const disk = this.spec.disks[index];
    if (disk?.format !== 'raw') {
      throw vmError('vm.bad-spec', `machine "${this.spec.name}" has no raw disk ${index}`);
    }
    const execute = this.execute.bind(this);
    return beginDiskBackup(execute, {
      node: diskNode(index),
      from: disk.path,
      to: resolve(path),
      searchPath: this.#given.searchPath,
    });
  }

  async saved(): Promise<SavedState | undefined> {
    return readSavedState(this.#folder);
  }

  async discardSaved(): Promise<void> {
    await removeSavedState(this.#folder);
  }

  async waitForExit({ signal }: { signal?: AbortSignal } = {}): Promise<StoppedState> {
    for (let pollMs = PRESENCE_POLL_MS; ; pollMs = Math.min(pollMs * 1.05, LONGEST_POLL_MS)) {
      const state = await this.state();
      if (state.kind === 'stopped') return state;
      if (state.kind !== 'running') {
        throw vmError('vm.not-running', `machine "${this.spec.name}" has not been started`);
      }
      await this.#waitForChange(this.#child === undefined ? pollMs : CHILD_POLL_MS, signal);
    }
  }

  async stop({ graceMs, signal }: { graceMs: number; signal?: AbortSignal }): Promise<StoppedState> {
    const state = await this.state();
    if (state.kind === 'stopped') return state;
    await this.#requireRunning();
    for (let leftMs = graceMs; leftMs > 0; leftMs -= PRESS_AGAIN_MS) {
      // A guest that is paused, or a monitor that does not answer, must not keep the machine from being stopped.
      await this.powerDown().catch(async (error: Error) => {
        if ((await this.state()).kind !== 'running') return; // it was about to end by itself
        this.#given.logger.warn('the guest could not be asked to power off', { reason: error.message });
      });
      const stopped = await this.#waitAtMost(Math.min(leftMs, PRESS_AGAIN_MS), signal);
      if (stopped !== undefined) return stopped;
    }
    return this.kill();
  }

  async kill(): Promise<StoppedState> {
    const state = await this.state();
    if (state.kind === 'stopped') return state;
    const { process } = await this.#requireRunning();
    const asked = await this.execute('quit').then(
      () => true,
      () => false,
    );
    const quit = asked ? await this.#waitUntilGone(process, QUIT_TIMEOUT_MS) : false;
    if (!quit) {
      await signalProcess(process, 'SIGKILL');
      if (!(await this.#waitUntilGone(process, KILL_TIMEOUT_MS))) {
        throw vmError('vm.timeout', `process ${process.pid} of machine "${this.spec.name}" does not end`, {
          hint: 'it waits for the kernel, for a disk or a network file system perhaps',
        });
      }
    }
    return this.#conclude('killed');
  }

  killNow(): void {
    if (this.#child?.kill('SIGKILL') !== true) return;
    const at = new Date(this.#given.clock.wallMs()).toISOString();
    const state: StoppedState = { kind: 'stopped', at, reason: 'killed' };
    // Whole or not at all, as a state that is damaged is of no use to the next start.
    const path = this.#folder.file('state');
    writeFileSync(`${path}.tmp`, JSON.stringify(state), { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
  }

  release(): void {
    this.#leash?.release();
  }

  async #requireRunning(): Promise<RunningState> {
    const state = await this.state();
    if (state.kind === 'running') return state;
    throw vmError('vm.not-running', `machine "${this.spec.name}" does not run`, {
      hint: `start it with \`orlop start ${this.spec.name}\``,
    });
  }

  async #connect(): Promise<QmpClient> {
    const path = this.#folder.file('commandSocket');
    const socket = await connectUnixSocket(path).catch((cause: Error) => {
      throw vmError('vm.qmp-closed', `the monitor "${path}" does not answer`, { cause });
    });
    return QmpClient.connect(socket);
  }

  /** Writes down how the process ended, unless somebody has done so already. */
  async #conclude(known: StopReason | undefined): Promise<StoppedState> {
    const written = await this.#folder.readState();
    if (written?.kind === 'stopped') return written;
    const { reason, detail } = known === undefined ? await this.#findReason() : { reason: known, detail: '' };
    const at = new Date(this.#given.clock.wallMs()).toISOString();
    const state: StoppedState = { kind: 'stopped', at, reason, ...(detail === '' ? {} : { detail }) };
    await this.#folder.writeState(state);
    return state;
  }

  /** QEMU removes its pidfile when it ends in order, also on SIGTERM, of which it says so. */
  async #findReason(): Promise<{ reason: StopReason; detail: string }> {
    const detail = await readDriverLog(this.#folder);
    const pidfileLeft = await access(this.#folder.file('pid')).then(
      () => true,
      () => false,
    );
    if (pidfileLeft) return { reason: 'died', detail };
    return { reason: /terminating on signal/.test(detail) ? 'killed' : 'powered-off', detail };
  }

  async #waitAtMost(timeMs: number, signal: AbortSignal | undefined): Promise<StoppedState | undefined> {
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeMs);
    try {
      return await this.waitForExit({
        signal: signal === undefined ? timeout.signal : AbortSignal.any([timeout.signal, signal]),
      });
    } catch (error) {
      if (timeout.signal.aborted && signal?.aborted !== true) return undefined;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #waitUntilGone(process: RunningState['process'], timeMs: number): Promise<boolean> {
    for (let waited = 0; waited < timeMs; waited += PRESENCE_POLL_MS) {
      if ((await findProcess(process)) !== 'present') return true;
      await this.#waitForChange(PRESENCE_POLL_MS, undefined);
    }
    return (await findProcess(process)) !== 'present';
  }

  /** Until the next look, or, where the process is this one's child, until it ends. */
  #waitForChange(pollMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = this.#child;
      const timer = setTimeout(() => settle(resolve), pollMs);
      const onExit = () => settle(resolve);
      const onAbort = () =>
        settle(() => reject(vmError('vm.cancelled', `no longer waits for machine "${this.spec.name}"`)));
      const settle = (action: () => void) => {
        clearTimeout(timer);
        child?.off('exit', onExit);
        signal?.removeEventListener('abort', onAbort);
        action();
      };
      child?.once('exit', onExit);
      if (child !== undefined && (child.exitCode !== null || child.signalCode !== null)) onExit();
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted) onAbort();
    });
  }
}
