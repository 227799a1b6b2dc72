import type { EngineEvent, EngineState } from '@orlop/api';
import { OrlopError } from '@orlop/core';
import type { Machine } from '@orlop/vm';
import type { HostSide } from '../docker/asked-ports.ts';
import { engineError } from '../errors.ts';
import type { EngineSyncs } from '../sync/engine-syncs.ts';
import { bringUp, GRACE_MS, restAgain } from './bring-up.ts';
import { assertNotStalled, endedState, type LifeParts, powerOff, saveAs } from './end-engine.ts';
import { changeRecord, type Flags, readRecord } from './engine-record.ts';
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
 * How an engine starts, rests and ends: which way leads from each state to which.
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
   * @throws OrlopError
   */
  async start(flags: Flags = {}, { fresh = false }: { readonly fresh?: boolean } = {}): Promise<void> {
    await this.#transitions.untilStopped();
    await this.#transitions.starting;
    if (this.running !== undefined) return this.#rouse(this.running);
    const machine = await this.openMachine();
    if (fresh) await machine?.discardSaved();
    const goesOn = Object.keys(flags).length === 0 && (await machine?.saved()) !== undefined;
    const wanted = goesOn ? (await readRecord(this.#paths)).flags : flags;
    await this.#begin(wanted);
    if (this.running !== undefined) await this.#rouse(this.running);
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
    if (this.state.kind === 'suspended') {
      await this.#served.close();
      await changeRecord(this.#paths, { suspended: false });
      this.#state.change({ kind: 'stopped', at: this.#state.now(), reason: 'saved' });
    }
    const { running } = this;
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
    await this.#transitions.stop(() => powerOff(this.#parts(), running, { graceMs, notSaved }));
  }

  /** Keeps memory and devices in a file and ends the process; a request brings it back. @throws OrlopError `engine.cannot-suspend` */
  async suspend(): Promise<void> {
    await this.#transitions.starting;
    if (this.state.kind === 'suspended') return;
    await this.#saveAs('suspended');
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
    await this.#transitions.untilStopped();
    if (this.running !== undefined || this.#transitions.starting !== undefined) {
      throw engineError('engine.busy', `the engine "${this.name}" is ${this.state.kind}`);
    }
    let result: { readonly value: T } | undefined;
    await this.#transitions.stop(async () => {
      result = { value: await work() };
    });
    if (result === undefined) throw new Error('another transition was joined'); // none was under way
    return result.value;
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

  async sleep(): Promise<void> {
    const running = this.requireRunning();
    if (this.state.kind !== 'running') return;
    await running.live.machine.pause();
    this.#state.change({ kind: 'asleep', since: this.#state.now(), stages: this.state.stages });
  }

  /** Lets an engine that rests run again, whichever rest it is. @throws OrlopError `engine.not-running` */
  async wake(): Promise<void> {
    await this.#transitions.untilStopped();
    await this.#transitions.starting;
    if (this.running !== undefined) return this.#rouse(this.running);
    if (this.state.kind === 'suspended') return this.start();
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
    const machine = await this.openMachine();
    if (machine === undefined) return;
    if ((await machine.state()).kind === 'running') {
      return this.#begin((await readRecord(this.#paths)).flags, machine);
    }
    const saved = await machine.saved();
    if (saved === undefined || (await restAgain(this.#parts()))) return;
    this.#state.change({ kind: 'stopped', at: saved.savedAt, reason: 'saved' });
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

  #begin(flags: Flags, machine?: Machine): Promise<void> {
    return this.#transitions.start(async (signal) => {
      const live = await bringUp({ ...this.#parts(), flags, signal, machine });
      this.#watchMachine(live.machine);
    });
  }

  /** @throws OrlopError `engine.cannot-suspend`; the engine runs on then */
  async #saveAs(kind: 'suspended' | 'stopped'): Promise<void> {
    const running = this.requireRunning();
    assertNotStalled(this.#state);
    await this.#transitions.stop(() => saveAs(kind, this.#parts(), running));
  }

  /** Notices a machine that ends without being asked. */
  #watchMachine(machine: Machine): void {
    machine.waitForExit().then(
      async (state) => {
        if (this.running?.live.machine !== machine || this.#transitions.isStopping) return;
        await this.#served.close();
        this.#state.change({ ...endedState(state, this.#panic), at: this.#state.now() });
        this.#panic = undefined;
      },
      (error: Error) =>
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

  /** A machine without its daemon: not joined yet, or its joining was given up. */
  async #stopUnjoined(graceMs: number): Promise<void> {
    const machine = await runningMachine(this.#around.driver, this.#paths.machine);
    if (machine === undefined) return;
    const isStuck = await this.#served.stalled.holds(machine);
    if (!isStuck) await machine.resume(); // it may have been asleep
    await machine.stop({ graceMs: isStuck ? 0 : graceMs });
    this.#state.change({ kind: 'stopped', at: this.#state.now(), reason: 'asked' });
  }

  #parts(): LifeParts {
    return { state: this.#state, paths: this.#paths, around: this.#around, served: this.#served };
  }
}
