import { registryPaths } from '../registry/registry-paths.ts';
import type { LayeredSettings } from '../settings/layered-settings.ts';
import type { InstanceCredentials } from '../tls/instance-authority.ts';
import type { EngineSurroundings } from './engine-surroundings.ts';
import { agentToken } from './guest-configuration.ts';
import type { InstanceNetwork } from './instance-network.ts';
import type { InstancePaths } from './instance-paths.ts';
import type { StartStages } from './start-stages.ts';

/** What a start works with, whether from nothing or beside a machine that runs. */
export interface StartInput {
  readonly paths: InstancePaths;
  readonly settings: LayeredSettings;
  readonly around: EngineSurroundings;
  readonly stages: StartStages;
  readonly signal: AbortSignal;
}

/** Long enough for emulation on a busy machine; the first image is composed out of downloads. */
export const LIMIT_MS = {
  image: 1_800_000,
  disk: 30_000,
  network: 15_000,
  machine: 60_000,
  /** Seen: 120 s to the kernel and more than 240 s from there of an emulated machine on two processors with a load of 35. */
  kernel: 480_000,
  docker: 480_000,
  /** dockerd runs already. */
  again: 240_000,
} as const;

export function networkInput(
  { settings, around }: StartInput,
  credentials: InstanceCredentials,
): Parameters<typeof InstanceNetwork.open>[1] {
  const registrySocket = registryPaths(around.home).socket;
  return { settings, logger: around.logger, registrySocket, token: agentToken(credentials) };
}
