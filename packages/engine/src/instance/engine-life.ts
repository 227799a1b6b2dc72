import type { EngineEvent, EngineState } from '@orlop/api';
import type { Machine, StoppedState } from '@orlop/vm';
import type { HostSide } from '../docker/asked-ports.ts';
import { engineError } from '../errors.ts';
import type { EngineSyncs } from '../sync/engine-syncs.ts';
import { bringUp, GRACE_MS, restAgain } from './bring-up.ts';
import { endEngine, endedState, type LifeParts, saveAs } from './end-engine.ts';
import { type Flags, readRecord } from './engine-record.ts';
import type { EngineSurroundings } from './engine-surroundings.ts';
import type { InstancePaths } from './instance-paths.ts';
import { LifeState } from './life-state.ts';
import type { Running } from './serve-engine.ts';
import { ServedEngine } from './served-engine.ts';
import { openMachine, runningMachine } from './start-machine.ts';
import { Transitions } from './transitions.ts';

export interface LifeOptions {
  readonly name: string;
  readonly paths: InstancePaths;
  readonly syncs: EngineSyncs;
  readonly around: EngineSurroundings;
  readonly emit: (event: EngineEvent) => void;
  /** The container of another engine that has a port of the host. */
  readonly publisherOf: (side: HostSide) => string | undefined;
}

/**
 * How an engine starts, rests and ends: which way leads from each state to which. All of the ways are in this one file.
 *
 * Invariant: `running` is there in the states running, asleep and stalled, at the end of a start while its ports and its socket are
 * opened, and until a stop is over.
 */
export class EngineLife {
  readonly name: string;
  readonly #paths: InstancePaths;
  readonly #around: EngineSurroundings;
  readonly #state: LifeState;
  readonly #served: ServedEngine;
  readonly #transitions = new Transitions();
  #rousing: Promise<void> | undefined;
  /** Why the machine that runs is being ended: its kernel's last words. */
  #panic: string | undefined;

  constructor({ name, paths, syncs, around, emit, publisherOf }: LifeOptions) {
    this.name = name;
    this.#paths = paths;
    this.#around = around;
    this.#state = new LifeState({ name, clock: around.clock, emit });
    this.#served = new ServedEngine({
      state: this.#state,
      ...{ paths, syncs, around, publisherOf },
      awake: async () => {
        await this.wake();
        return this.requireRunning().live;
      },
      onRest: (how) => (how === 'sleep' ? this.sleep() : this.suspend()),
      onPanic: (reason) => void this.#endPanicked(reason),
    });
  }

  get state(): EngineState {
    return this.#state.current;
  }

  /** Whether the daemon has work with it. */
  get active(): boolean {
    return this.state.kind !== 'stopped' && this.state.kind !== 'failed';
  }

  get running(): Running | undefined {
    return this.#served.running;
  }

  /** Of Docker clients. */
  get connections(): number {
    return this.#served.connections;
  }

  /**
   * Starts the engine and resolves when Docker answers; joins a start that is under way. One that was suspended goes on as
   * it was, unless other flags or `fresh` ask for a new start.
   *
   * @param options.gone aborted when whoever asked no longer waits for it
   * @throws OrlopError
   */
  async start(
    flags: Flags = {},
    { fresh = false, gone }: { readonly fresh?: boolean; readonly gone?: AbortSignal } = {},
  ): Promise<void> {
    const work = async (signal: AbortSignal) => {
      if (await this.#stillRuns()) return;
      const machine = await this.openMachine();
      if (fresh) await machine?.discardSaved();
      const goesOn = Object.keys(flags).length === 0 && (await machine?.saved()) !== undefined;
      await this.#bringUp(goesOn ? (await readRecord(this.#paths)).flags : flags, { signal });
    };
    // The start that was joined may have been one that found nothing to start.
    while ((await this.#transitions.start(work, { gone })) === 'joined' && this.running === undefined);
    if (this.running !== undefined) await this.#rouse(this.running);
  }

  /** Gives up a start, unless somebody else waits for it; what runs, or stops, is left as it is. */
  async giveUpStart(): Promise<void> {
    if (this.#transitions.asked <= 1) await this.#transitions.cancelStart();
  }

  /**
   * Powers the engine off, or gives up its start. Harmless when stopped.
   *
   * @param options.save keeps its memory in a file; where that cannot be it is powered off, and its state says why not
   * @param options.after is done with its files before it can start again
   */
  async stop({
    graceMs = GRACE_MS,
    save = false,
    after = async () => {},
  }: {
    readonly graceMs?: number;
    readonly save?: boolean;
    readonly after?: () => Promise<void>;
  } = {}): Promise<void> {
    const stopped = this.#transitions.stop(async () => {
      await endEngine(this.#parts(), { graceMs, save });
      await after();
    });
    await Promise.all([stopped, this.#transitions.cancelStart()]);
  }

  /**
   * Keeps memory and devices in a file and ends the process; a request brings it back.
   *
   * @throws OrlopError `engine.cannot-suspend`, `engine.not-running`
   */
  async suspend(): Promise<void> {
    await this.#transitions.stop(async () => {
      if (this.state.kind !== 'suspended') await saveAs('suspended', this.#parts(), this.requireRunning());
    });
  }

  /** @throws OrlopError `engine.busy` while it is between two states */
  assertSettled(): void {
    if (this.state.kind !== 'starting' && this.state.kind !== 'stopping') return;
    throw engineError('engine.busy', `the engine "${this.name}" is ${this.state.kind}`);
  }

  /**
   * Does something with the files of an engine that has no machine; a start waits for its end. The state stays as it is.
   *
   * @throws OrlopError `engine.busy` when it has one; nothing was done then
   */
  async whileAtRest<T>(work: () => Promise<T>): Promise<T> {
    return this.#transitions.stop(async () => {
      if (this.running === undefined) return work();
      throw engineError('engine.busy', `the engine "${this.name}" is ${this.state.kind}`);
    });
  }

  /** Forgets what was saved of its memory; its data stays. */
  async dropSaved(): Promise<void> {
    await (await this.openMachine())?.discardSaved();
    if (this.state.kind !== 'stopped' || this.state.reason !== 'saved') return;
    this.#state.change({ kind: 'stopped', at: this.#state.now(), reason: 'asked' });
  }

  /** Lets go of a machine that runs on, for the daemon that comes next. */
  async leave(): Promise<void> {
    await this.#served.close();
    this.#state.change({ kind: 'stopped', at: this.#state.now(), reason: 'asked' });
  }

  /** Ends what is left of an engine that has been stopped, and forgets that it ever ran. */
  async forget(): Promise<void> {
    await this.#served.close();
    this.#state.change({ kind: 'stopped', reason: 'never-started' });
  }

  /** @throws OrlopError `engine.not-running` */
  async sleep(): Promise<void> {
    // Whoever needs it while its processors are being stopped waits, and wakes it then.
    await this.#transitions.stop(async () => {
      const running = this.requireRunning();
      if (this.state.kind !== 'running') return;
      await running.live.machine.pause();
      this.#state.change({ kind: 'asleep', since: this.#state.now(), stages: this.state.stages });
    });
  }

  /** Lets an engine that rests run again, whichever rest it is. @throws OrlopError `engine.not-running` */
  async wake({ gone }: { readonly gone?: AbortSignal } = {}): Promise<void> {
    do {
      await this.#transitions.untilStopped();
      await this.#transitions.starting;
    } while (this.#transitions.isStopping);
    if (this.running !== undefined) return this.#rouse(this.running);
    if (this.state.kind === 'suspended') return this.start({}, { ...(gone && { gone }) });
    this.requireRunning();
  }

  /** @throws OrlopError `engine.not-running` */
  requireRunning(): Running {
    if (this.running !== undefined) return this.running;
    throw engineError('engine.not-running', `the engine "${this.name}" is ${this.state.kind}`, {
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
    const isRunning = await this.#transitions.stop(async () => {
      const machine = await this.openMachine();
      if (machine === undefined) return false;
      if ((await machine.state()).kind === 'running') return true;
      const saved = await machine.saved();
      if (saved === undefined || (await restAgain(this.#parts()))) return false;
      this.#state.change({ kind: 'stopped', at: saved.savedAt, reason: 'saved' });
      return false;
    });
    if (!isRunning) return;
    await this.#transitions.start(async (signal) => {
      const machine = await runningMachine(this.#around.driver, this.#paths.machine);
      if (machine === undefined || this.running !== undefined) return;
      await this.#bringUp((await readRecord(this.#paths)).flags, { signal, machine });
    });
  }

  /** Lets the processors run again where they stand still. @throws OrlopError `engine.host-full` */
  #rouse(running: Running): Promise<void> {
    // However many ask: the machine is told once.
    this.#rousing ??= this.#rouseOnce(running).finally(() => {
      this.#rousing = undefined;
    });
    return this.#rousing;
  }

  async #rouseOnce({ live }: Running): Promise<void> {
    if (this.state.kind === 'stalled') {
      await this.#served.stalled.assertRoom();
      return live.machine.resume(); // its event tells whether it goes on
    }
    if (this.state.kind !== 'asleep') return;
    const { stages } = this.state;
    this.#served.touch();
    await live.machine.resume();
    // Its first write may have found the host's disk full.
    if (this.state.kind !== 'asleep') return;
    this.#state.change({ kind: 'running', since: this.#state.now(), stages });
  }

  async #bringUp(
    flags: Flags,
    options: { readonly signal: AbortSignal; readonly machine?: Machine },
  ): Promise<void> {
    const live = await bringUp({ ...this.#parts(), flags, machine: undefined, ...options });
    this.#watchMachine(live.machine);
  }

  /** Notices a machine that ends without being asked. */
  #watchMachine(machine: Machine): void {
    const watched = async () => {
      const ended = await machine.waitForExit();
      // In the middle of a stop, that one sees it.
      await this.#transitions.stop(() => this.#conclude(machine, ended));
    };
    watched().catch((error: Error) =>
      this.#around.logger.error('the machine is no longer watched', { reason: error.message }),
    );
  }

  /** A kernel that has given up holds the processor for ever: the machine is as one whose process was killed. */
  async #endPanicked(reason: string): Promise<void> {
    const { running } = this;
    if (running === undefined || this.#transitions.isStopping) return;
    this.#panic = reason;
    await running.live.machine.kill().catch((error: Error) => {
      this.#around.logger.error('the machine could not be ended', { reason: error.message });
    });
  }

  /** Nobody has noticed the end of a machine that was killed a moment ago. @returns whether there is one */
  async #stillRuns(): Promise<boolean> {
    const machine = this.running?.live.machine;
    if (machine === undefined) return false;
    const state = await machine.state();
    if (state.kind === 'stopped') await this.#conclude(machine, state);
    return this.running !== undefined;
  }

  async #conclude(machine: Machine, ended: StoppedState): Promise<void> {
    if (this.running?.live.machine !== machine) return;
    await this.#served.close();
    this.#state.change({ ...endedState(ended, this.#panic), at: this.#state.now() });
    this.#panic = undefined;
  }

  #parts(): LifeParts {
    return { state: this.#state, paths: this.#paths, around: this.#around, served: this.#served };
  }
}
