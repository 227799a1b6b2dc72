import { mkdir, rm } from 'node:fs/promises';
import type { Architecture } from '@orlop/core';
import { type AcceleratorName, type Boot, chooseAccelerator, replaceFile } from '@orlop/vm';
import { machineSettings } from '../settings/layered-settings.ts';
import type { InstanceCredentials } from '../tls/instance-authority.ts';
import { changeRecord } from './engine-record.ts';
import { GUEST_CONFIGURATION_NAME, guestConfiguration, machineShares } from './guest-configuration.ts';
import type { InstanceNetwork } from './instance-network.ts';
import type { StartInput } from './start-input.ts';
import { type StartedMachine, startMachine } from './start-machine.ts';
import type { StageVoice } from './start-stages.ts';

export interface EngineMachineOptions {
  readonly architecture: Architecture;
  readonly boot: Boot;
  /** The data disk. */
  readonly diskPath: string;
  readonly network: InstanceNetwork;
  readonly credentials: InstanceCredentials;
  readonly voice: StageVoice;
}

/** Starts the machine of an engine, with what it is to know of the host; says how in a note. */
export async function startEngineMachine(
  input: StartInput,
  options: EngineMachineOptions,
): Promise<StartedMachine> {
  const { paths, settings, around } = input;
  const { architecture, boot, diskPath, network, credentials, voice } = options;
  const configuration = await guestConfiguration({
    name: paths.name,
    settings,
    credentials,
    hostAddress: network.hostAddress,
    gatewayAddress: network.gatewayAddress,
  });
  await replaceFile(paths.guestConfiguration, JSON.stringify(configuration));
  await changeRecord(paths, { machine: machineSettings(settings) });
  const choice = await accelerate(input, { architecture, signal: voice.signal });
  await mkdir(around.home.machines, { recursive: true, mode: 0o700 });
  await rm(paths.cable, { force: true });
  const found = await startMachine(
    {
      name: paths.machineName,
      arch: architecture,
      cpus: settings.number('cpus'),
      memoryMiB: Math.floor(settings.number('memory') / 2 ** 20),
      boot,
      disks: [{ path: diskPath, format: 'raw' }],
      cdroms: [],
      networks: [
        { kind: 'stream', socketPath: paths.cable, mac: network.mac, mtu: network.mtu, listen: true },
      ],
      channels: [],
      shares: await machineShares(settings.texts('shares')),
      firmwareFiles: [{ name: GUEST_CONFIGURATION_NAME, path: paths.guestConfiguration }],
    },
    { folder: paths.machine, accelerator: choice.accelerator, signal: voice.signal },
    around,
  );
  const how = found.resumed ? ', from the saved state' : '';
  const why = found.notResumed === undefined ? '' : `; ${found.notResumed}`;
  voice.note(`${choice.accelerator}${how}${why}`);
  return found;
}

async function accelerate(
  { settings, around }: StartInput,
  { architecture, signal }: { readonly architecture: Architecture; readonly signal: AbortSignal },
): Promise<{ readonly accelerator: AcceleratorName }> {
  const wanted = settings.text('accelerator');
  return chooseAccelerator(wanted === 'auto' ? 'auto' : [wanted as AcceleratorName], {
    arch: architecture,
    hostArch: architecture,
    hostPlatform: process.platform,
    searchPath: around.searchPath,
    cacheFolder: around.home.probes,
    clock: around.clock,
    signal,
  });
}
