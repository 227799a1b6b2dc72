import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import type { Problem } from '@orlop/core';
import { replaceFile } from '@orlop/vm';
import { engineError } from '../errors.ts';
import type { EngineRecord } from '../instance/engine-record.ts';
import { type InstancePaths, makeInstanceFolder } from '../instance/instance-paths.ts';
import { checkOnHost } from './host-checks.ts';
import { LayeredSettings } from './layered-settings.ts';
import { isSettingName, type SettingName, type SettingValue, settingOf } from './schema.ts';
import { checkValue } from './setting-value.ts';
import { editSettings, readSettings, type SettingsText, type SettingValues } from './settings-file.ts';

export interface SettingChange {
  readonly name: SettingName;
  /** Undefined takes the setting out. */
  readonly value: unknown;
  readonly scope: 'user' | 'instance';
}

const NOTHING: SettingsText = { values: new Map(), locked: [], problems: [] };

/** Settings as far as they can be read, and what cannot. */
export interface SettingsReading {
  readonly settings: LayeredSettings;
  readonly problems: readonly Problem[];
}

/**
 * The settings of an instance out of all layers.
 * @throws OrlopError `engine.bad-setting` with every problem of every file and its place
 */
export async function loadSettings(
  paths: InstancePaths,
  flags: Readonly<Record<string, unknown>> = {},
): Promise<LayeredSettings> {
  const { settings, problems } = await inspectSettings(paths, flags);
  if (problems.length > 0) {
    throw engineError('engine.bad-setting', 'the settings cannot be used as they are', {
      problems,
      hint: '`orlop config ls` names every setting',
    });
  }
  const refused = Object.keys(flags)
    .filter(isSettingName)
    .find((name) => settings.find(name).locked);
  if (refused !== undefined) throw lockedError(refused, paths.policySettings);
  return settings;
}

/**
 * The settings of an engine whose machine was started before: what it was started with, and for the rest what the layers say
 * as far as they can be read. A file that was damaged since is no reason to leave a machine that runs.
 * @throws OrlopError `engine.bad-setting`, of a record without the machine's settings
 */
export async function settingsOfMachine(
  paths: InstancePaths,
  { flags, machine }: Pick<EngineRecord, 'flags' | 'machine'>,
): Promise<LayeredSettings> {
  if (machine === undefined) return loadSettings(paths, flags);
  return (await inspectSettings(paths, flags, checkFlags(machine).values)).settings;
}

/** For who tells of an engine rather than starts it: a file that cannot be used is no reason to tell nothing. */
export async function inspectSettings(
  paths: InstancePaths,
  flags: Readonly<Record<string, unknown>> = {},
  machine?: SettingValues,
): Promise<SettingsReading> {
  const [policy, user, instance] = await Promise.all(
    [paths.policySettings, paths.userSettings, paths.instanceSettings].map(readFileOrProblem),
  );
  const given = checkFlags(flags);
  const files = [policy ?? NOTHING, user ?? NOTHING, instance ?? NOTHING];
  const problems = [...files.flatMap((file) => file.problems), ...given.problems];
  const settings = new LayeredSettings({
    host: { cpus: availableParallelism(), memoryBytes: memoryOfProcess() },
    locked: policy?.locked ?? [],
    ...(machine !== undefined && { machine }),
    layers: {
      policy: policy?.values ?? new Map(),
      user: user?.values ?? new Map(),
      instance: instance?.values ?? new Map(),
      flag: given.values,
    },
  });
  return { settings, problems };
}

/** The host's, or what a control group lets this process and its machines have; Node.js says 0, or more than there is, for none. */
function memoryOfProcess(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}

/**
 * Changes one setting of an instance, or of all of this user's; undefined takes it out.
 * @throws OrlopError `engine.bad-setting`, `engine.setting-locked`
 */
export async function changeSetting(paths: InstancePaths, change: SettingChange): Promise<void> {
  const { name, value, scope } = change;
  await checkChange(paths, change);
  const path = scope === 'user' ? paths.userSettings : paths.instanceSettings;
  const text = (await readTextIfAny(path)) ?? '';
  await makeInstanceFolder(paths);
  await replaceFile(path, editSettings(text, name, value));
}

/**
 * Whether a change may be made, and the host has what it names; the value as it will be held.
 * @throws OrlopError `engine.bad-setting`, `engine.setting-locked`, `engine.disk-shrink`
 */
export async function checkChange(
  paths: InstancePaths,
  { name, value, scope }: SettingChange,
): Promise<SettingValue | undefined> {
  const policy = await readFileIfAny(paths.policySettings);
  if (policy?.locked.includes(name) === true) throw lockedError(name, paths.policySettings);
  if (value === undefined) return undefined;
  const checked = checkValue(settingOf(name), value);
  if ('problem' in checked) throw engineError('engine.bad-setting', `${name} is ${checked.problem}`);
  await checkOnHost(name, checked.value, { paths: scope === 'instance' ? paths : undefined });
  return checked.value;
}

function checkFlags(flags: Readonly<Record<string, unknown>>): {
  readonly values: SettingValues;
  readonly problems: readonly Problem[];
} {
  const values = new Map<SettingName, SettingValue>();
  const problems: Problem[] = [];
  for (const [name, value] of Object.entries(flags)) {
    if (!isSettingName(name)) {
      problems.push({ message: `there is no setting "${name}"` });
      continue;
    }
    const checked = checkValue(settingOf(name), value);
    if ('value' in checked) values.set(name, checked.value);
    else problems.push({ message: `${name}: ${checked.problem}` });
  }
  return { values, problems };
}

async function readFileIfAny(path: string): Promise<SettingsText | undefined> {
  const text = await readTextIfAny(path);
  return text === undefined ? undefined : readSettings(text, path);
}

/** One that cannot be read is one that cannot be used. */
async function readFileOrProblem(path: string): Promise<SettingsText | undefined> {
  return readFileIfAny(path).catch((error: Error) => {
    const reason = error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return { ...NOTHING, problems: [{ message: `${error.message}${reason}` }] };
  });
}

async function readTextIfAny(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw engineError('engine.bad-setting', `the settings ${path} cannot be read`, { cause: error });
  }
}

function lockedError(name: SettingName, policy: string): Error {
  return engineError('engine.setting-locked', `the setting ${name} is locked by the policy of this machine`, {
    hint: `see ${policy}`,
  });
}
