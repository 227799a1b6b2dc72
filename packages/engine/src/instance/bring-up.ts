import { encodeError } from '@orlop/api';
import { OrlopError } from '@orlop/core';
import type { Machine, SavedState } from '@orlop/vm';
import { loadSettings, settingsOfMachine } from '../settings/load-settings.ts';
import { assertSocketPath } from '../socket-path.ts';
import { adoptEngine } from './adopt-engine.ts';
import { changeRecord, type Flags, readRecord } from './engine-record.ts';
import type { EngineSurroundings } from './engine-surroundings.ts';
import type { InstancePaths } from './instance-paths.ts';
import type { LifeState } from './life-state.ts';
import type { LiveEngine } from './live-engine.ts';
import type { ServedEngine } from './served-engine.ts';
import { startEngine } from './start-engine.ts';
import type { StartInput } from './start-input.ts';
import { openMachine, runningMachine } from './start-machine.ts';
import { StartStages } from './start-stages.ts';

/** For a machine to end by itself. */
export const GRACE_MS = 60_000;

export interface BringUpOptions {
  readonly state: LifeState;
  readonly paths: InstancePaths;
  readonly around: EngineSurroundings;
  readonly served: ServedEngine;
  readonly flags: Flags;
  readonly signal: AbortSignal;
  /** One that runs already. */
  readonly machine: Machine | undefined;
}

/**
 * Starts an engine, or joins its machine, until Docker answers and the host serves it. The state follows each stage. It is
 * `stalled` after the joining of a machine that stands still; when this throws it is `failed`, `stopped` or, where nothing
 * of a suspended one has been used up, `suspended` again.
 *
 * @throws OrlopError
 */
export async function bringUp(options: BringUpOptions): Promise<LiveEngine> {
  const { state, paths, around, served, flags, signal } = options;
  const since = state.now();
  const stages = new StartStages(
    () => around.clock.monotonicMs(),
    (stage) => state.emit({ kind: 'stage', engine: state.name, at: state.now(), stage }),
  );
  // Whoever asks sees for how long the stage under way has gone on.
  state.change({
    kind: 'starting',
    since,
    get stages() {
      return stages.list();
    },
  });
  try {
    assertSocketPath(paths.dockerSocket); // the longest of them
    // Clients of an engine that runs wait for who joins it.
    if (options.machine !== undefined) await served.listen();
    const live = await adoptOrStart(options, { paths, stages, signal, around: reporting(state, around) });
    await changeRecord(paths, { flags, suspended: false });
    await served.open(live);
    if (live.dockerVersion === undefined) await served.stalled.onDiskFull();
    else if (state.current.kind === 'starting')
      state.change({ kind: 'running', since: state.now(), stages: stages.list() });
    return live;
  } catch (error) {
    const { body } = encodeError(error);
    // The clients of one that rests again are told why it does.
    await served.close({ keepClients: (await suspendedState(options)) !== undefined });
    if (await restAgain(options)) throw error;
    if (signal.aborted) await concludeCancelled(options);
    else state.change({ kind: 'failed', at: state.now(), error: body, stages: stages.list() });
    throw error;
  }
}

/** One that was suspended, and is as it was then, waits for requests again. @returns whether it does */
export async function restAgain({
  state,
  paths,
  around,
  served,
}: Pick<BringUpOptions, 'state' | 'paths' | 'around' | 'served'>): Promise<boolean> {
  const saved = await suspendedState({ paths, around });
  if (saved === undefined) return false;
  state.change({ kind: 'suspended', since: saved.savedAt, fileBytes: saved.sizeBytes });
  await served.listen();
  return true;
}

/** What was saved of one that was suspended, and not of one that was powered off. */
async function suspendedState({
  paths,
  around,
}: Pick<BringUpOptions, 'paths' | 'around'>): Promise<SavedState | undefined> {
  const saved = await (await openMachine(around.driver, paths.machine))?.saved();
  return saved !== undefined && (await readRecord(paths)).suspended ? saved : undefined;
}

async function adoptOrStart(
  options: BringUpOptions,
  input: Omit<StartInput, 'settings'>,
): Promise<LiveEngine> {
  const { paths, around, signal } = input;
  const { flags } = options;
  const start = async () => startEngine({ ...input, settings: await loadSettings(paths, flags) });
  const found = options.machine ?? (await runningMachine(around.driver, paths.machine));
  const record = await readRecord(paths);
  if (found === undefined) {
    // What was suspended goes on in the machine that it had, whatever was set since.
    const goesOn = (await suspendedState(options)) !== undefined && isSame(flags, record.flags);
    return goesOn ? startEngine({ ...input, settings: await settingsOfMachine(paths, record) }) : start();
  }
  try {
    const settings = await settingsOfMachine(paths, { ...record, flags });
    return await adoptEngine({ ...input, settings, machine: found });
  } catch (error) {
    if (signal.aborted || !(error instanceof OrlopError)) throw error;
    around.logger.warn('a machine that ran on could not be joined', { reason: error.message });
    // One whose kernel gave up does not hear that it is to end.
    await found.stop({ graceMs: error.code === 'engine.machine-ended' ? 0 : GRACE_MS });
    return start();
  }
}

function isSame(flags: Flags, before: Flags): boolean {
  return JSON.stringify(flags) === JSON.stringify(before);
}

async function concludeCancelled({ state, paths, around }: BringUpOptions): Promise<void> {
  const saved = await (await openMachine(around.driver, paths.machine))?.saved();
  if (saved !== undefined) await changeRecord(paths, { suspended: false });
  state.change({ kind: 'stopped', at: state.now(), reason: saved === undefined ? 'cancelled' : 'saved' });
}

/** Progress of composing the image is told as the engine's. */
function reporting(state: LifeState, around: EngineSurroundings): EngineSurroundings {
  const { image } = around;
  const progress: typeof image.progress = (event) =>
    state.emit({ kind: 'progress', engine: state.name, ...event });
  return { ...around, image: { ...image, progress } };
}
