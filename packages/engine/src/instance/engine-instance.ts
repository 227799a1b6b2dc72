import { readFile, rm } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import {
  type EngineEvent,
  type EngineState,
  type EngineStatus,
  encodeError,
  type PortStatus,
  type Snapshot,
} from '@orlop/api';
import { OrlopError } from '@orlop/core';
import { type Machine, type MachineState, removeMachineFolder, replaceFile } from '@orlop/vm';
import { ContainerWatcher } from '../docker/container-watcher.ts';
import { contextName, removeContext, writeContext } from '../docker/docker-context.ts';
import { DockerSocket } from '../docker/docker-socket.ts';
import { PortForwards } from '../docker/port-forwards.ts';
import { findPortHolder } from '../docker/port-holder.ts';
import { engineError } from '../errors.ts';
import { changedSettings, type LayeredSettings } from '../settings/layered-settings.ts';
import { loadSettings } from '../settings/load-settings.ts';
import { settingOf } from '../settings/schema.ts';
import { diskUsage } from './data-disk.ts';
import type { EngineSurroundings } from './engine-surroundings.ts';
import { IdleSaver } from './idle-saver.ts';
import { type InstancePaths, instancePaths } from './instance-paths.ts';
import { Snapshots } from './snapshots.ts';
import { adoptEngine, type LiveEngine, startEngine } from './start-engine.ts';
import { StartStages } from './start-stages.ts';

export interface InstanceOptions {
  readonly name: string;
  readonly around: EngineSurroundings;
  readonly emit: (event: EngineEvent) => void;
}

type Flags = Readonly<Record<string, unknown>>;

interface Start {
  readonly promise: Promise<void>;
  readonly cancel: AbortController;
}

/** Everything that belongs to one running engine and ends with it. */
interface Running {
  readonly live: LiveEngine;
  readonly forwards: PortForwards;
  readonly watcher: ContainerWatcher;
  readonly idle: IdleSaver;
}

const GRACE_MS = 60_000;

/** One engine through its life. Invariant: `#running` is there exactly in the states running and asleep. */
export class EngineInstance {
  readonly name: string;
  readonly paths: InstancePaths;
  readonly #around: EngineSurroundings;
  readonly #emit: (event: EngineEvent) => void;
  #socket: DockerSocket | undefined;
  #state: EngineState = { kind: 'stopped', reason: 'never-started' };
  #start: Start | undefined;
  #running: Running | undefined;
  #stopping: Promise<void> | undefined;
  #containers = 0;

  /** @throws OrlopError `engine.bad-name` */
  constructor({ name, around, emit }: InstanceOptions) {
    this.name = name;
    this.#around = around;
    this.#emit = emit;
    this.paths = instancePaths(around.home, name);
  }

  get state(): EngineState {
    return this.#state;
  }

  /** Whether the daemon has work with it. */
  get active(): boolean {
    return this.#state.kind !== 'stopped' && this.#state.kind !== 'failed';
  }

  /** Starts the engine and resolves when Docker answers; joins a start that is under way. @throws OrlopError */
  async start(flags: Flags = {}): Promise<void> {
    await this.#stopping;
    if (this.#running !== undefined) return this.wake();
    this.#start ??= this.#begin(flags);
    return this.#start.promise;
  }

  /** Powers the engine off, or gives up its start. Harmless when stopped. */
  async stop(graceMs = GRACE_MS): Promise<void> {
    this.#start?.cancel.abort();
    await this.#start?.promise.catch(() => undefined);
    if (this.#running === undefined) return;
    this.#stopping ??= this.#stop(this.#running, graceMs).finally(() => {
      this.#stopping = undefined;
    });
    await this.#stopping;
  }

  /** Removes the machine, and with `keepData` false everything that containers have left. */
  async reset({ keepData }: { readonly keepData: boolean }): Promise<void> {
    await this.stop();
    await this.#killLeftover();
    await removeMachineFolder(this.paths.machine);
    const { guestConfiguration, record, leases, cable, dataDisk } = this.paths;
    for (const path of [guestConfiguration, record, leases, cable]) await rm(path, { force: true });
    if (!keepData) await rm(dataDisk, { force: true });
    await removeContext(this.#around.dockerConfig, this.#contextNow());
    this.#change({ kind: 'stopped', reason: 'never-started' });
  }

  /** Does something with the data that needs the engine stopped; one that ran runs again after, whatever came of it. */
  async whileStopped<T>(work: (snapshots: Snapshots) => Promise<T>): Promise<T> {
    if (this.#state.kind === 'starting' || this.#state.kind === 'stopping') {
      throw engineError('engine.busy', `the engine "${this.name}" is ${this.#state.kind}`);
    }
    const ran = this.#running !== undefined;
    const flags = await this.#readFlags();
    await this.stop();
    try {
      return await work(new Snapshots(this.paths));
    } finally {
      if (ran) await this.start(flags);
    }
  }

  listSnapshots(): Promise<Snapshot[]> {
    return new Snapshots(this.paths).list();
  }

  removeSnapshot(name: string): Promise<void> {
    return new Snapshots(this.paths).remove(name);
  }

  async sleep(): Promise<void> {
    const running = this.#requireRunning();
    if (this.#state.kind !== 'running') return;
    await running.live.machine.pause();
    this.#change({ kind: 'asleep', since: this.#now(), stages: this.#state.stages });
  }

  async wake(): Promise<void> {
    if (this.#state.kind !== 'asleep') return;
    const { stages } = this.#state;
    const running = this.#requireRunning();
    running.idle.touch();
    await running.live.machine.resume();
    this.#change({ kind: 'running', since: this.#now(), stages });
  }

  ports(): PortStatus[] {
    return this.#running?.forwards.list() ?? [];
  }

  async status(): Promise<EngineStatus> {
    const live = this.#running?.live;
    const wanted = await loadSettings(this.paths);
    const settings = live?.settings ?? wanted;
    const machine = await live?.machine.state();
    const disk = await diskUsage(this.paths.dataDisk);
    return {
      name: this.name,
      state: this.#state,
      dockerHost: `unix://${this.paths.dockerSocket}`,
      cpus: settings.number('cpus'),
      memoryMiB: Math.floor(settings.number('memory') / 2 ** 20),
      diskBytes: disk.sizeBytes || settings.number('disk'),
      diskUsedBytes: disk.usedBytes,
      machine: this.paths.machineName,
      ...(machine?.kind === 'running' && { pid: machine.process.pid, accelerator: machine.accelerator }),
      ...(live !== undefined && { dockerVersion: live.dockerVersion }),
      connections: this.#socket?.connections ?? 0,
      ports: this.ports(),
      pendingRestart: live === undefined ? [] : pendingRestart(live.settings, wanted),
    };
  }

  /** Finds an engine that runs although its daemon has ended, and joins it; one that cannot be joined is ended. */
  async recover(): Promise<void> {
    const machine = await this.#openMachine();
    if ((await machine?.state())?.kind !== 'running' || machine === undefined) return;
    this.#start ??= this.#begin(await this.#readFlags(), machine);
    await this.#start.promise;
  }

  #begin(flags: Flags, machine?: Machine): Start {
    const cancel = new AbortController();
    const promise = this.#bringUp({ flags, signal: cancel.signal, machine }).finally(() => {
      this.#start = undefined;
    });
    return { promise, cancel };
  }

  async #bringUp(options: {
    readonly flags: Flags;
    readonly signal: AbortSignal;
    readonly machine: Machine | undefined;
  }): Promise<void> {
    const { flags, signal } = options;
    const { around, paths } = { around: this.#around, paths: this.paths };
    const since = this.#now();
    const stages = new StartStages(
      () => around.clock.monotonicMs(),
      (stage) => {
        this.#state = { kind: 'starting', since, stages: stages.list() };
        this.#emit({ kind: 'stage', engine: this.name, at: this.#now(), stage });
      },
    );
    this.#change({ kind: 'starting', since, stages: [] });
    try {
      const settings = await loadSettings(paths, flags);
      const input = { paths, settings, stages, signal, around: this.#reporting() };
      const live = await this.#adoptOrStart(input, options.machine);
      await replaceFile(paths.record, JSON.stringify({ flags }));
      await this.#serve(live);
      this.#change({ kind: 'running', since: this.#now(), stages: stages.list() });
      this.#watchMachine(live.machine);
    } catch (error) {
      await this.#release();
      const { body } = encodeError(error);
      if (signal.aborted) this.#change({ kind: 'stopped', at: this.#now(), reason: 'cancelled' });
      else this.#change({ kind: 'failed', at: this.#now(), error: body, stages: stages.list() });
      throw error;
    }
  }

  async #adoptOrStart(
    input: Parameters<typeof startEngine>[0],
    machine: Machine | undefined,
  ): Promise<LiveEngine> {
    const found = machine ?? (await this.#runningMachine());
    if (found === undefined) return startEngine(input);
    try {
      return await adoptEngine({ ...input, machine: found });
    } catch (error) {
      if (input.signal.aborted || !(error instanceof OrlopError)) throw error;
      this.#around.logger.warn('a machine that ran on could not be joined', { reason: error.message });
      await found.stop({ graceMs: GRACE_MS });
      return startEngine(input);
    }
  }

  async #serve(live: LiveEngine): Promise<void> {
    const { logger, clock, dockerConfig } = this.#around;
    const forwards = new PortForwards({
      forwards: live.network.opened.network.forwards,
      routes: live.network.routes,
      guestAddress: live.network.guestAddress,
      whoHas: findPortHolder,
      onChange: (change, port) => {
        if (change === 'failed') logger.warn('a port cannot be published', { problem: port.problem });
        this.#emit({ kind: 'port', engine: this.name, at: this.#now(), change, port });
      },
    });
    const watcher = new ContainerWatcher({
      docker: live.docker,
      guestAddress: live.network.guestAddress,
      logger,
      onSeen: async ({ running, ports, subnets }) => {
        this.#containers = running;
        await forwards.apply(ports, subnets);
      },
    });
    const socket = new DockerSocket({
      logger,
      open: (signal) => this.#openDocker(signal),
      onCount: () => this.#running?.idle.touch(),
    });
    const idle = new IdleSaver({
      clock,
      limitSeconds: async () => (await loadSettings(this.paths)).number('idle.seconds'),
      isBusy: () => this.#state.kind !== 'running' || this.#containers > 0 || socket.connections > 0,
      onIdle: () => this.sleep(),
      onError: (error) => logger.warn('the engine could not be put to sleep', { reason: String(error) }),
    });
    this.#running = { live, forwards, watcher, idle };
    await watcher.look();
    void watcher.run();
    await socket.listen(this.paths.dockerSocket);
    this.#socket = socket;
    idle.start();
    if (live.settings.flag('docker.context')) {
      const outcome = await writeContext(dockerConfig, this.#contextNow());
      if (outcome.kind === 'taken') {
        logger.warn('a Docker context of this name is in use', {
          context: contextName(this.name),
          host: outcome.host,
        });
      }
    }
  }

  async #openDocker(signal: AbortSignal): Promise<Duplex> {
    await this.wake();
    return this.#requireRunning().live.docker.open(signal);
  }

  async #stop(running: Running, graceMs: number): Promise<void> {
    await this.wake(); // a guest that is paused cannot power off
    this.#change({ kind: 'stopping', since: this.#now() });
    this.#socket?.drop();
    await running.live.machine.stop({ graceMs });
    await this.#release();
    this.#change({ kind: 'stopped', at: this.#now(), reason: 'asked' });
  }

  /** Notices a machine that ends without being asked. */
  #watchMachine(machine: Machine): void {
    machine.waitForExit().then(
      async (state) => {
        if (this.#running?.live.machine !== machine || this.#stopping !== undefined) return;
        await this.#release();
        const reason = state.reason === 'powered-off' ? 'powered-off' : 'died';
        this.#change({
          kind: 'stopped',
          at: this.#now(),
          reason,
          ...(state.detail !== undefined && { detail: state.detail }),
        });
      },
      (error: Error) =>
        this.#around.logger.error('the machine is no longer watched', { reason: error.message }),
    );
  }

  async #release(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    this.#containers = 0;
    running?.idle.stop();
    running?.watcher.stop();
    running?.forwards.clear();
    await this.#socket?.close();
    this.#socket = undefined;
    running?.live.network.close();
  }

  async #openMachine(): Promise<Machine | undefined> {
    return this.#around.driver.open(this.paths.machine).catch((error) => {
      if (error instanceof OrlopError && error.code === 'vm.not-found') return undefined;
      throw error;
    });
  }

  async #runningMachine(): Promise<Machine | undefined> {
    const machine = await this.#openMachine();
    const state: MachineState | undefined = await machine?.state();
    return state?.kind === 'running' ? machine : undefined;
  }

  async #killLeftover(): Promise<void> {
    await (await this.#runningMachine())?.kill();
  }

  /** What the engine was started with; its settings files may have changed since. */
  async #readFlags(): Promise<Flags> {
    try {
      return (JSON.parse(await readFile(this.paths.record, 'utf8')) as { readonly flags: Flags }).flags;
    } catch {
      return {}; // its start did not come to an end
    }
  }

  #requireRunning(): Running {
    if (this.#running !== undefined) return this.#running;
    throw engineError('engine.not-running', `the engine "${this.name}" is ${this.#state.kind}`, {
      hint: this.name === 'default' ? 'orlop up' : `orlop up ${this.name}`,
    });
  }

  #reporting(): EngineSurroundings {
    const { image } = this.#around;
    const progress: typeof image.progress = (event) =>
      this.#emit({ kind: 'progress', engine: this.name, ...event });
    return { ...this.#around, image: { ...image, progress } };
  }

  #contextNow(): { readonly name: string; readonly socket: string } {
    return { name: contextName(this.name), socket: this.paths.dockerSocket };
  }

  #change(state: EngineState): void {
    this.#state = state;
    this.#emit({ kind: 'state', engine: this.name, at: this.#now(), state });
  }

  #now(): string {
    return new Date(this.#around.clock.wallMs()).toISOString();
  }
}

/** Flags of a start are no change: they hold until the next one. */
function pendingRestart(running: LayeredSettings, wanted: LayeredSettings): string[] {
  return changedSettings(running, wanted).filter(
    (name) => settingOf(name).effect !== 'now' && running.find(name).layer !== 'flag',
  );
}
