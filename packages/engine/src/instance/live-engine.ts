import type { Logger } from '@orlop/core';
import type { Machine } from '@orlop/vm';
import { DockerChannel } from '../docker/docker-channel.ts';
import { type ContainerSummary, containerName } from '../docker/published-ports.ts';
import { EngineShares } from '../files/engine-shares.ts';
import type { LayeredSettings } from '../settings/layered-settings.ts';
import type { InstanceCredentials } from '../tls/instance-authority.ts';
import type { EngineSurroundings } from './engine-surroundings.ts';
import { GuestAgent } from './guest-agent.ts';
import { AGENT_PORT, agentToken, DOCKER_PORT, parseShares } from './guest-configuration.ts';
import type { InstanceNetwork } from './instance-network.ts';

/** An engine that runs: what the rest of the daemon works with. */
export interface LiveEngine {
  readonly machine: Machine;
  readonly network: InstanceNetwork;
  readonly docker: DockerChannel;
  /** Unknown of a machine that was joined while it stood still for want of room on the host. */
  readonly dockerVersion: string | undefined;
  readonly agent: GuestAgent;
  readonly shares: EngineShares;
  /** What the machine's programs for the host want to hear first. */
  readonly token: string;
  readonly settings: LayeredSettings;
  /** Another daemon has started it, and may have changed in it what can be changed while it runs. */
  readonly joined: boolean;
}

/** What asks the machine for things. */
export function agentOf(
  network: InstanceNetwork,
  { credentials, around }: { readonly credentials: InstanceCredentials; readonly around: EngineSurroundings },
): GuestAgent {
  return new GuestAgent({
    token: agentToken(credentials),
    clock: around.clock,
    dial: (dialSignal) => network.dial(AGENT_PORT, dialSignal),
  });
}

/** The way to dockerd in the machine. */
export function channelTo(network: InstanceNetwork, credentials: InstanceCredentials): DockerChannel {
  return new DockerChannel({
    credentials,
    dial: (dialSignal) => network.dial(DOCKER_PORT, dialSignal),
  });
}

export function sharesOf(
  { settings, machine, agent, docker }: Pick<LiveEngine, 'settings' | 'machine' | 'agent' | 'docker'>,
  { logger }: { readonly logger: Logger },
): EngineShares {
  return new EngineShares({
    ...{ machine, agent, logger },
    shares: parseShares(settings.texts('shares')),
    containers: async () => {
      const list = (await docker.json({ path: '/containers/json' })) as readonly ContainerSummary[];
      return new Map(list.map((container) => [container.Id, containerName(container)]));
    },
  });
}

/** A machine that stood still has the time of then; what waits for it need not wait for this. */
export function setClock(agent: GuestAgent, { logger }: { readonly logger: Logger }): void {
  agent
    .setClock()
    .catch((error: Error) => logger.warn("the machine's clock could not be set", { reason: error.message }));
}
