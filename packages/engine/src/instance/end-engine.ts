import type { EngineState } from '@orlop/api';
import { OrlopError } from '@orlop/core';
import type { StoppedState } from '@orlop/vm';
import { engineError } from '../errors.ts';
import { changeRecord } from './engine-record.ts';
import type { EngineSurroundings } from './engine-surroundings.ts';
import type { InstancePaths } from './instance-paths.ts';
import type { LifeState } from './life-state.ts';
import { saveEngine } from './save-engine.ts';
import type { Running } from './serve-engine.ts';
import type { ServedEngine } from './served-engine.ts';
import { runningMachine } from './start-machine.ts';

export interface LifeParts {
  readonly state: LifeState;
  readonly paths: InstancePaths;
  readonly around: EngineSurroundings;
  readonly served: ServedEngine;
}

/** What synchronised shares may take to be in step before the machine is powered off. */
const SETTLE_MS = 20_000;

/**
 * Ends an engine as it is: one that runs, one that was suspended, and a machine without its daemon. Harmless where there is none.
 *
 * @param options.save keeps its memory in a file; where that cannot be it is powered off, and its state says why not
 */
export async function endEngine(
  parts: LifeParts,
  { graceMs, save }: { readonly graceMs: number; readonly save: boolean },
): Promise<void> {
  const { state, paths, served } = parts;
  if (state.current.kind === 'suspended') {
    await served.close();
    await changeRecord(paths, { suspended: false });
    state.change({ kind: 'stopped', at: state.now(), reason: 'saved' });
  }
  const { running } = served;
  if (running === undefined) return endUnjoined(parts, graceMs);
  let notSaved: string | undefined;
  if (save) {
    try {
      return await saveAs('stopped', parts, running);
    } catch (error) {
      if (!(error instanceof OrlopError) || error.code !== 'engine.cannot-suspend') throw error;
      notSaved = error.message;
    }
  }
  await powerOff(parts, running, { graceMs, notSaved });
}

/** A machine without its daemon: not joined yet, or its joining was given up. */
async function endUnjoined({ state, paths, around, served }: LifeParts, graceMs: number): Promise<void> {
  const machine = await runningMachine(around.driver, paths.machine);
  if (machine === undefined) return;
  const isStuck = await served.stalled.holds(machine);
  if (!isStuck) await machine.resume(); // it may have been asleep
  await machine.stop({ graceMs: isStuck ? 0 : graceMs });
  state.change({ kind: 'stopped', at: state.now(), reason: 'asked' });
}

/** Powers the machine of an engine off; one that cannot go on, since the host is full, is ended as by a power cut. */
async function powerOff(
  { state, served }: LifeParts,
  running: Running,
  { graceMs, notSaved }: { readonly graceMs: number; readonly notSaved: string | undefined },
): Promise<void> {
  // A guest that is paused cannot power off.
  const { machine } = running.live;
  const { kind } = state.current;
  const isStuck = kind === 'stalled' && (await served.stalled.holds(machine));
  if (!isStuck && (kind === 'asleep' || kind === 'stalled')) await machine.resume();
  const before = state.current;
  state.change({ kind: 'stopping', since: state.now() });
  served.drop();
  try {
    if (!isStuck) await served.settle(Math.min(graceMs, SETTLE_MS));
    await machine.stop({ graceMs: isStuck ? 0 : graceMs });
  } catch (error) {
    runOn({ state, served }, before);
    throw error;
  }
  await served.close({ answerWaiting: true });
  const why = isStuck ? "ended as by a power cut, since the host's disk was full" : notSaved;
  const detail = why === undefined ? {} : { detail: why };
  state.change({ kind: 'stopped', at: state.now(), reason: 'asked', ...detail });
}

/** Its machine has not ended after all. */
function runOn({ state, served }: Pick<LifeParts, 'state' | 'served'>, before: EngineState): void {
  if (served.running === undefined) return;
  if (before.kind === 'stalled') state.change(before);
  else state.change({ kind: 'running', since: state.now(), stages: 'stages' in before ? before.stages : [] });
}

/** The state of an engine whose machine has ended without being asked. @param panic its kernel's last words, if it was that */
export function endedState(
  { at, reason, detail }: StoppedState,
  panic: string | undefined,
): Extract<EngineState, { kind: 'stopped' }> {
  if (panic !== undefined)
    return { kind: 'stopped', at, reason: 'died', detail: `its kernel gave up: ${panic}` };
  const how = reason === 'powered-off' ? 'powered-off' : 'died';
  return { kind: 'stopped', at, reason: how, ...(detail !== undefined && { detail }) };
}

/** @throws OrlopError `engine.cannot-suspend` */
function assertNotStalled({ name, current }: LifeState): void {
  if (current.kind !== 'stalled') return;
  const said = `the engine "${name}" stands still, since the host's disk is full`;
  throw engineError('engine.cannot-suspend', said, { hint: 'make room; it goes on by itself then' });
}

/**
 * Keeps memory and devices of an engine in a file, and ends its machine.
 *
 * @throws OrlopError `engine.cannot-suspend`; the engine runs on then
 */
export async function saveAs(
  kind: 'suspended' | 'stopped',
  { state, paths, around, served }: LifeParts,
  running: Running,
): Promise<void> {
  assertNotStalled(state);
  const before = state.current;
  state.change({ kind: 'stopping', since: state.now() });
  try {
    // Before there is a state: a daemon that comes after one that was killed on the way knows what it is for.
    await changeRecord(paths, { suspended: kind === 'suspended' });
    const { sizeBytes } = await saveEngine(running.live, around.logger);
    await served.close({ keepSockets: kind === 'suspended' });
    const at = state.now();
    if (kind === 'stopped') state.change({ kind, at, reason: 'saved' });
    else state.change({ kind, since: at, fileBytes: sizeBytes });
  } catch (error) {
    runOn({ state, served }, before);
    await changeRecord(paths, { suspended: false });
    throw error;
  }
}
