import type { EngineState } from '@orlop/api';
import type { StoppedState } from '@orlop/vm';
import { engineError } from '../errors.ts';
import { changeRecord } from './engine-record.ts';
import type { EngineSurroundings } from './engine-surroundings.ts';
import type { InstancePaths } from './instance-paths.ts';
import type { LifeState } from './life-state.ts';
import { saveEngine } from './save-engine.ts';
import type { Running } from './serve-engine.ts';
import type { ServedEngine } from './served-engine.ts';

export interface LifeParts {
  readonly state: LifeState;
  readonly paths: InstancePaths;
  readonly around: EngineSurroundings;
  readonly served: ServedEngine;
}

/** What synchronised shares may take to be in step before the machine is powered off. */
const SETTLE_MS = 20_000;

/** Powers the machine of an engine off; one that cannot go on, since the host is full, is ended as by a power cut. */
export async function powerOff(
  { state, served }: LifeParts,
  running: Running,
  { graceMs, notSaved }: { readonly graceMs: number; readonly notSaved: string | undefined },
): Promise<void> {
  // A guest that is paused cannot power off.
  const { machine } = running.live;
  const { kind } = state.current;
  const isStuck = kind === 'stalled' && (await served.stalled.holds(machine));
  if (!isStuck && (kind === 'asleep' || kind === 'stalled')) await machine.resume();
  state.change({ kind: 'stopping', since: state.now() });
  served.drop();
  if (!isStuck) await served.settle(Math.min(graceMs, SETTLE_MS));
  await machine.stop({ graceMs: isStuck ? 0 : graceMs });
  await served.close();
  const why = isStuck ? "ended as by a power cut, since the host's disk was full" : notSaved;
  const detail = why === undefined ? {} : { detail: why };
  state.change({ kind: 'stopped', at: state.now(), reason: 'asked', ...detail });
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
export function assertNotStalled({ name, current }: LifeState): void {
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
  const before = state.current;
  state.change({ kind: 'stopping', since: state.now() });
  try {
    const { sizeBytes } = await saveEngine(running.live, around.logger);
    await served.close({ keepSockets: kind === 'suspended' });
    await changeRecord(paths, { suspended: kind === 'suspended' });
    const at = state.now();
    if (kind === 'stopped') state.change({ kind, at, reason: 'saved' });
    else state.change({ kind, since: at, fileBytes: sizeBytes });
  } catch (error) {
    const stages = 'stages' in before ? before.stages : [];
    if (served.running !== undefined) state.change({ kind: 'running', since: state.now(), stages });
    throw error;
  }
}
