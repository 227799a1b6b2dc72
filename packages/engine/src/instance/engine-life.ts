import type { Duplex } from 'node:stream';
import { type EngineEvent, type EngineState, encodeError } from '@orlop/api';
import { OrlopError } from '@orlop/core';
import type { Machine, MachineState } from '@orlop/vm';
import { engineError } from '../errors.ts';
import { loadSettings } from '../settings/load-settings.ts';
import type { EngineSyncs } from '../sync/engine-syncs.ts';
import { changeRecord, type Flags, readRecord } from './engine-record.ts';
import type { EngineSurroundings } from './engine-surroundings.ts';
import { HostRoom, hostFreeBytes, ROOM_BYTES } from './host-room.ts';
import { HostSocket } from './host-socket.ts';
import type { InstancePaths } from './instance-paths.ts';
import { saveEngine } from './save-engine.ts';
import { offerContext, type Running, serveEngine } from './serve-engine.ts';
import { adoptEngine, type LiveEngine, startEngine } from './start-engine.ts';
import { openMachine } from './start-machine.ts';
import { StartStages } from './start-stages.ts';
import { Transitions } from './transitions.ts';

export interface LifeOptions {
  readonly name: string;
  readonly paths: InstancePaths;
  readonly syncs: EngineSyncs;
  readonly around: EngineSurroundings;
  readonly emit: (event: EngineEvent) => void;
}

const GRACE_MS = 60_000;

/**
 * How an engine starts, rests and ends.
 *
 * Invariant: `#running` is there in the states running, asleep and stalled, at the end of a start while its ports and its socket are
 * opened, and until a stop is over.
 */
export class EngineLife {
  readonly name: string;
  readonly #paths: InstancePaths;
  readonly #syncs: EngineSyncs;
  readonly #around: EngineSurroundings;
  readonly #emit: (event: EngineEvent) => void;
  readonly #socket: HostSocket;
  readonly #room: HostRoom;
  readonly #transitions = new Transitions();
  #state: EngineState = { kind: 'stopped', reason: 'never-started' };
  #running: Running | undefined;
  #containers = 0;
  /** Counts how often the processors have stood still or gone on. */
  #halts = 0;
  /** The setting, as the engine was started with it; it has them while it rests, too. */
  #shares: readonly string[] = [];

  constructor({ name, paths, syncs, around, emit }: LifeOptions) {
    this.name = name;
    this.#paths = paths;
    this.#syncs = syncs;
    this.#around = around;
    this.#emit = emit;
    this.#socket = new HostSocket({
      path: paths.dockerSocket,
      logger: around.logger,
      open: (signal) => this.#openDocker(signal),
      shares: () => this.#shares,
      settlePorts: async () => this.#running?.watcher.look(),
      copies: () => syncs.folders,
      lostShares: () => this.#running?.lostShares.paths ?? [],
      onCount: () => this.#touch(),
    });
    this.#room = new HostRoom({
      freeBytes: () => this.#freeBytes(),
      onLook: (freeBytes) => {
        if (this.#state.kind === 'stalled') this.#state = { ...this.#state, freeBytes };
      },
      onRoom: async () => {
        if (this.#state.kind === 'stalled') await this.#running?.live.machine.resume();
      },
      onError: (error) =>
        around.logger.warn('the machine that stands still cannot go on', { reason: String(error) }),
    });
  }

  get state(): EngineState {
    return this.#state;
  }

  /** Whether the daemon has work with it. */
  get active(): boolean {
    return this.#state.kind !== 'stopped' && this.#state.kind !== 'failed';
  }

  get running(): Running | undefined {
    return this.#running;
  }

  /** Of Docker clients. */
  get connections(): number {
    return this.#socket.connections;
  }

  /**
   * Starts the engine and resolves when Docker answers; joins a start that is under way. One that was suspended goes on as
   * it was, unless other flags or `fresh` ask for a new start.
   *
   * @throws OrlopError
   */
  async start(flags: Flags = {}, { fresh = false }: { readonly fresh?: boolean } = {}): Promise<void> {
    await this.#transitions.untilStopped();
    if (this.#transitions.starting !== undefined) return this.#transitions.starting;
    if (this.#running !== undefined) return this.#rouse(this.#running);
    const machine = await this.openMachine();
    if (fresh) await machine?.discardSaved();
    const goesOn = Object.keys(flags).length === 0 && (await machine?.saved()) !== undefined;
    const wanted = goesOn ? (await readRecord(this.#paths)).flags : flags;
    return this.#begin(wanted);
  }

  /**
   * Powers the engine off, or gives up its start. Harmless when stopped.
   *
   * @param options.save keeps its memory in a file; where that cannot be it is powered off, and its state says why not
   */
  async stop({
    graceMs = GRACE_MS,
    save = false,
  }: {
    readonly graceMs?: number;
    readonly save?: boolean;
  } = {}): Promise<void> {
    await this.#transitions.cancelStart();
    await this.#transitions.untilStopped();
    if (this.#state.kind === 'suspended') {
      await this.#socket.close();
      await changeRecord(this.#paths, { suspended: false });
      this.#change({ kind: 'stopped', at: this.#now(), reason: 'saved' });
    }
    const running = this.#running;
    if (running === undefined) return this.#stopUnjoined(graceMs);
    let notSaved: string | undefined;
    if (save) {
      try {
        return await this.#saveAs('stopped');
      } catch (error) {
        if (!(error instanceof OrlopError) || error.code !== 'engine.cannot-suspend') throw error;
        notSaved = error.message;
      }
    }
    await this.#transitions.stop(() => this.#stop(running, graceMs, notSaved));
  }

  /** Keeps memory and devices in a file and ends the process; a request brings it back. @throws OrlopError `engine.cannot-suspend` */
  async suspend(): Promise<void> {
    await this.#transitions.starting;
    if (this.#state.kind === 'suspended') return;
    await this.#saveAs('suspended');
  }

  /** @throws OrlopError `engine.busy` while it is between two states */
  assertSettled(): void {
    if (this.#state.kind !== 'starting' && this.#state.kind !== 'stopping') return;
    throw engineError('engine.busy', `the engine "${this.name}" is ${this.#state.kind}`);
  }

  /** Lets go of a machine that runs on, for the daemon that comes next. */
  async leave(): Promise<void> {
    await this.#release();
    this.#change({ kind: 'stopped', at: this.#now(), reason: 'asked' });
  }

  /** Ends what is left of an engine that has been stopped, and forgets that it ever ran. */
  async forget(): Promise<void> {
    await this.#socket.close();
    this.#change({ kind: 'stopped', reason: 'never-started' });
  }

  async sleep(): Promise<void> {
    const running = this.requireRunning();
    if (this.#state.kind !== 'running') return;
    await running.live.machine.pause();
    this.#change({ kind: 'asleep', since: this.#now(), stages: this.#state.stages });
  }

  /** Lets an engine that rests run again, whichever rest it is. @throws OrlopError `engine.not-running` */
  async wake(): Promise<void> {
    await this.#transitions.untilStopped();
    if (this.#transitions.starting !== undefined) return this.#transitions.starting;
    if (this.#running !== undefined) return this.#rouse(this.#running);
    if (this.#state.kind === 'suspended') return this.start();
    this.requireRunning();
  }

  /** @throws OrlopError `engine.not-running` */
  requireRunning(): Running {
    if (this.#running !== undefined) return this.#running;
    throw engineError('engine.not-running', `the engine "${this.name}" is ${this.#state.kind}`, {
      hint: this.name === 'default' ? 'orlop up' : `orlop up ${this.name}`,
    });
  }

  openMachine(): Promise<Machine | undefined> {
    return openMachine(this.#around.driver, this.#paths.machine);
  }

  /**
   * Finds an engine that runs although its daemon has ended, and joins it; one that cannot be joined is ended. One that was
   * suspended waits for requests again.
   */
  async recover(): Promise<void> {
    const machine = await this.openMachine();
    if (machine === undefined) return;
    const { flags, suspended } = await readRecord(this.#paths);
    if ((await machine.state()).kind === 'running') {
      return this.#begin(flags, machine);
    }
    const saved = await machine.saved();
    if (saved === undefined) return;
    if (!suspended) {
      this.#change({ kind: 'stopped', at: saved.savedAt, reason: 'saved' });
      return;
    }
    this.#change({ kind: 'suspended', since: saved.savedAt, fileBytes: saved.sizeBytes });
    await this.#socket.listen();
  }

  /** Lets the processors run again where they stand still. @throws OrlopError `engine.host-full` */
  async #rouse({ live }: Running): Promise<void> {
    if (this.#state.kind === 'stalled') {
      await this.#assertRoom();
      return live.machine.resume(); // its event tells whether it goes on
    }
    if (this.#state.kind !== 'asleep') return;
    const { stages } = this.#state;
    this.#touch();
    await live.machine.resume();
    // Its first write may have found the host's disk full.
    if (this.#state.kind === 'asleep') this.#change({ kind: 'running', since: this.#now(), stages });
  }

  async #assertRoom(): Promise<void> {
    const free = await this.#freeBytes();
    if (free >= ROOM_BYTES) return;
    throw engineError(
      'engine.host-full',
      `the engine "${this.name}" stands still: the host's disk is full, ${free} bytes free for ${this.#paths.dataDisk}`,
      { hint: `make room for ${ROOM_BYTES / 2 ** 20} MiB or more; the engine goes on by itself then` },
    );
  }

  /** QEMU has stopped the processors; what they wrote is tried again when they go on, so nothing is lost. */
  async #onDiskFull(): Promise<void> {
    const path = this.#paths.dataDisk;
    const halt = ++this.#halts;
    const freeBytes = await this.#freeBytes().catch(() => 0);
    const before = this.#state;
    if (halt !== this.#halts) return; // it runs again
    if (before.kind !== 'running' && before.kind !== 'asleep') return;
    this.#around.logger.error("the machine stands still: the host's disk is full", {
      ...{ engine: this.name, path, freeBytes },
    });
    this.#change({ kind: 'stalled', since: this.#now(), path, freeBytes, stages: before.stages });
    this.#room.wait();
  }

  #onResume(): void {
    this.#halts++;
    const before = this.#state;
    if (before.kind !== 'stalled') return;
    this.#room.stop();
    this.#around.logger.info("the machine goes on: the host's disk has room again", { engine: this.name });
    this.#change({ kind: 'running', since: this.#now(), stages: before.stages });
  }

  #begin(flags: Flags, machine?: Machine): Promise<void> {
    return this.#transitions.start((signal) => this.#bringUp({ flags, signal, machine }));
  }

  async #bringUp(options: {
    readonly flags: Flags;
    readonly signal: AbortSignal;
    readonly machine: Machine | undefined;
  }): Promise<void> {
    const { flags, signal } = options;
    const around = this.#around;
    const paths = this.#paths;
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
      await changeRecord(paths, { flags, suspended: false });
      await this.#serve(live);
      this.#change({ kind: 'running', since: this.#now(), stages: stages.list() });
      this.#watchMachine(live.machine);
    } catch (error) {
      await this.#release();
      const { body } = encodeError(error);
      if (signal.aborted) await this.#concludeCancelled();
      else this.#change({ kind: 'failed', at: this.#now(), error: body, stages: stages.list() });
      throw error;
    }
  }

  async #concludeCancelled(): Promise<void> {
    const saved = await (await this.openMachine())?.saved();
    if (saved !== undefined) await changeRecord(this.#paths, { suspended: false });
    this.#change({ kind: 'stopped', at: this.#now(), reason: saved === undefined ? 'cancelled' : 'saved' });
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
    const running = serveEngine(live, {
      name: this.name,
      around: this.#around,
      onPort: (change, port) =>
        this.#emit({ kind: 'port', engine: this.name, at: this.#now(), change, port }),
      onContainers: (count) => {
        this.#containers = count;
      },
      seconds: async (setting) => (await loadSettings(this.#paths)).number(setting),
      isRunning: () => this.#state.kind === 'running',
      isNeeded: () => this.#state.kind === 'stalled' || this.#containers > 0 || this.#socket.connections > 0,
      onRest: (how) => (how === 'sleep' ? this.sleep() : this.suspend()),
      onResume: () => this.#onResume(),
      onDiskFull: () => void this.#onDiskFull(),
    });
    this.#running = running;
    this.#shares = live.settings.texts('shares');
    await this.#syncs.attach(live, () => this.#state.kind !== 'asleep' && this.#state.kind !== 'stalled');
    await running.watcher.look();
    void running.watcher.run();
    await this.#socket.listen();
    for (const saver of running.savers) saver.start();
    if (live.settings.flag('docker.context')) {
      await offerContext(this.name, this.#paths.dockerSocket, this.#around);
    }
  }

  /** What the host may still give to the data disk. */
  #freeBytes(): Promise<number> {
    return hostFreeBytes(this.#paths.dataDisk);
  }

  #touch(): void {
    for (const saver of this.#running?.savers ?? []) saver.touch();
  }

  async #openDocker(signal: AbortSignal): Promise<Duplex> {
    await this.wake();
    return this.requireRunning().live.docker.open(signal);
  }

  async #stop(running: Running, graceMs: number, notSaved: string | undefined): Promise<void> {
    // A guest that is paused cannot power off.
    const { machine } = running.live;
    const isStuck = this.#state.kind === 'stalled' && (await this.#freeBytes()) < ROOM_BYTES;
    if (!isStuck && (this.#state.kind === 'asleep' || this.#state.kind === 'stalled')) await machine.resume();
    this.#change({ kind: 'stopping', since: this.#now() });
    this.#socket.drop();
    await machine.stop({ graceMs: isStuck ? 0 : graceMs });
    await this.#release();
    const why = isStuck ? "ended as by a power cut, since the host's disk was full" : notSaved;
    const detail = why === undefined ? {} : { detail: why };
    this.#change({ kind: 'stopped', at: this.#now(), reason: 'asked', ...detail });
  }

  /** @throws OrlopError `engine.cannot-suspend`; the engine runs on then */
  async #saveAs(kind: 'suspended' | 'stopped'): Promise<void> {
    const running = this.requireRunning();
    const before = this.#state;
    if (before.kind === 'stalled') {
      const said = `the engine "${this.name}" stands still, since the host's disk is full`;
      throw engineError('engine.cannot-suspend', said, { hint: 'make room; it goes on by itself then' });
    }
    await this.#transitions.stop(async () => {
      this.#change({ kind: 'stopping', since: this.#now() });
      try {
        const { sizeBytes } = await saveEngine(running.live, this.#around.logger);
        await this.#release({ keepSocket: kind === 'suspended' });
        await changeRecord(this.#paths, { suspended: kind === 'suspended' });
        const at = this.#now();
        if (kind === 'stopped') this.#change({ kind, at, reason: 'saved' });
        else this.#change({ kind, since: at, fileBytes: sizeBytes });
      } catch (error) {
        const stages = 'stages' in before ? before.stages : [];
        if (this.#running !== undefined) this.#change({ kind: 'running', since: this.#now(), stages });
        throw error;
      }
    });
  }

  /** Notices a machine that ends without being asked. */
  #watchMachine(machine: Machine): void {
    machine.waitForExit().then(
      async (state) => {
        if (this.#running?.live.machine !== machine || this.#transitions.isStopping) return;
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

  async #release({ keepSocket = false }: { readonly keepSocket?: boolean } = {}): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    this.#containers = 0;
    this.#room.stop();
    running?.stop();
    await this.#syncs.detach();
    if (keepSocket) this.#socket.drop();
    else await this.#socket.close();
    running?.live.network.close();
  }

  async #runningMachine(): Promise<Machine | undefined> {
    const machine = await this.openMachine();
    const state: MachineState | undefined = await machine?.state();
    return state?.kind === 'running' ? machine : undefined;
  }

  /** A machine without its daemon: not joined yet, or its joining was given up. */
  async #stopUnjoined(graceMs: number): Promise<void> {
    const machine = await this.#runningMachine();
    if (machine === undefined) return;
    await machine.resume(); // it may have been asleep
    await machine.stop({ graceMs });
    this.#change({ kind: 'stopped', at: this.#now(), reason: 'asked' });
  }

  #reporting(): EngineSurroundings {
    const { image } = this.#around;
    const progress: typeof image.progress = (event) =>
      this.#emit({ kind: 'progress', engine: this.name, ...event });
    return { ...this.#around, image: { ...image, progress } };
  }

  #change(state: EngineState): void {
    this.#state = state;
    this.#emit({ kind: 'state', engine: this.name, at: this.#now(), state });
  }

  #now(): string {
    return new Date(this.#around.clock.wallMs()).toISOString();
  }
}
