import { type Logger, OrlopError } from '@orlop/core';
import { type Driver, isSavedStateError, type Machine, type MachineSpec, type StartOptions } from '@orlop/vm';

export interface StartedMachine {
  readonly machine: Machine;
  /** It goes on where it was saved: paused, its system up. */
  readonly resumed: boolean;
  /** Why a state that was saved was not used. */
  readonly notResumed?: string;
}

/** The machine in this folder, if there ever was one. */
export async function openMachine(driver: Driver, folder: string): Promise<Machine | undefined> {
  return driver.open(folder).catch((error) => {
    if (error instanceof OrlopError && error.code === 'vm.not-found') return undefined;
    throw error;
  });
}

/** The machine in this folder, if it runs. */
export async function runningMachine(driver: Driver, folder: string): Promise<Machine | undefined> {
  const machine = await openMachine(driver, folder);
  return (await machine?.state())?.kind === 'running' ? machine : undefined;
}

/** Starts a machine from its saved state where there is one that can be used, and from nothing otherwise. */
export async function startMachine(
  spec: MachineSpec,
  options: StartOptions,
  { driver, logger }: { readonly driver: Driver; readonly logger: Logger },
): Promise<StartedMachine> {
  const before = await openMachine(driver, options.folder);
  if ((await before?.saved()) === undefined)
    return { machine: await driver.start(spec, options), resumed: false };
  try {
    return { machine: await driver.start(spec, { ...options, fromSaved: true }), resumed: true };
  } catch (error) {
    if (!isSavedStateError(error) || !(error instanceof OrlopError)) throw error;
    logger.warn('the saved state is not used', { engine: spec.name, reason: error.message });
    await before?.discardSaved();
    return { machine: await driver.start(spec, options), resumed: false, notResumed: error.message };
  }
}
