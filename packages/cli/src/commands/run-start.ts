import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AcceleratorName,
  type Machine,
  type MachineSpec,
  type PublishedPort,
  replaceFile,
} from '@orlop/vm';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { attachMachine, checkEnd } from './run-attach.ts';
import { type Machines, RECORD_FILE } from './run-machines.ts';
import { attachNetwork } from './run-network.ts';

/** What a run needs that is no part of the machine itself; kept in its folder for `orlop start`. */
export interface RunRecord {
  readonly networking: string;
  readonly publish: readonly PublishedPort[];
  readonly accel: readonly AcceleratorName[] | 'auto';
  /** What --data gave, in base64, for the metadata service of the network. */
  readonly userData?: string;
}

export interface StartRecordedOptions {
  readonly context: CommandContext;
  readonly machines: Machines;
  readonly folder: string;
  readonly record: RunRecord;
  readonly detached: boolean;
  /** Removes the machine when it has ended; not when it was left running. */
  readonly remove: boolean;
}

/** Joins a machine to its network, starts it, and shows its console unless it is to be left alone. */
export async function startRecorded(spec: MachineSpec, options: StartRecordedOptions): Promise<void> {
  const { context, machines, folder, record, detached } = options;
  const choice = await machines.chooseAccelerator(record.accel, { arch: spec.arch });
  context.logger.info('accelerator', { name: choice.accelerator, reason: choice.reason });
  const lease = await attachNetwork(record.networking, {
    context,
    machine: spec.name,
    publish: record.publish,
    userData: record.userData,
  });
  let left = false;
  try {
    const networks = lease.attachment === undefined ? [] : [lease.attachment];
    const machine = await machines.driver.start(
      { ...spec, networks },
      {
        ...{ folder, accelerator: choice.accelerator, signal: context.signal },
        ...{ paused: !detached, bound: !detached },
      },
    );
    await replaceFile(join(folder, RECORD_FILE), `${JSON.stringify(record, undefined, 2)}\n`);
    if (detached) {
      left = true;
      context.stdout.write(`${spec.name}\n`);
      return;
    }
    left = await runAttached(machine, options);
  } finally {
    if (!left) {
      await lease.close();
      if (options.remove) await machines.remove(spec.name);
    }
  }
}

/** @throws OrlopError `run.no-record` */
export async function readRecord(folder: string): Promise<RunRecord> {
  const path = join(folder, RECORD_FILE);
  try {
    return JSON.parse(await readFile(path, 'utf8')) as RunRecord;
  } catch (cause) {
    throw cliError('run.no-record', `"${path}" does not say how the machine was run`, {
      cause,
      hint: 'run it again with `orlop run`',
    });
  }
}

/** @returns whether the machine was left running. */
async function runAttached(machine: Machine, { context }: StartRecordedOptions): Promise<boolean> {
  // The second Ctrl-C ends this process at once; it takes the machine with it.
  const endWithMe = () => machine.killNow();
  process.on('exit', endWithMe);
  try {
    const end = await attachMachine(context, machine, { owner: true, onOpen: () => machine.resume() });
    if (end.kind === 'detached') {
      machine.release();
      return true;
    }
    context.signal.throwIfAborted();
    checkEnd(machine.spec.name, end.state);
    return false;
  } catch (error) {
    // Whatever went wrong here, no process stays behind.
    await machine.kill();
    throw error;
  } finally {
    process.off('exit', endWithMe);
  }
}
