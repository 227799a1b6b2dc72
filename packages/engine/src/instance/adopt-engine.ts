import type { Machine } from '@orlop/vm';
import { credentialsInUse } from '../tls/instance-authority.ts';
import { agentToken } from './guest-configuration.ts';
import { hostFreeBytes, ROOM_BYTES } from './host-room.ts';
import { InstanceNetwork } from './instance-network.ts';
import { agentOf, channelTo, type LiveEngine, setClock, sharesOf } from './live-engine.ts';
import { LIMIT_MS, networkInput, type StartInput } from './start-input.ts';
import { waitForDocker } from './wait-for-docker.ts';

/**
 * Joins an engine that runs already, whose daemon is gone. One that stands still, since the host's disk is full, is left so: it
 * has containers, and goes on when there is room.
 */
export async function adoptEngine(input: StartInput & { readonly machine: Machine }): Promise<LiveEngine> {
  const { paths, settings, around, stages, machine } = input;
  const credentials = await credentialsInUse(paths.folder, around.clock.wallMs());
  const network = await stages.run(
    'network',
    {
      waitsFor: 'the virtual network',
      limitMs: LIMIT_MS.network,
      signal: input.signal,
      letGo: (late: InstanceNetwork) => late.close(),
    },
    async (voice) => {
      const opened = await InstanceNetwork.open(paths, networkInput(input, credentials));
      await opened.plug(paths.cable).catch((error) => {
        opened.close();
        throw error;
      });
      voice.note('joined a machine that runs');
      return opened;
    },
  );
  try {
    const agent = agentOf(network, { credentials, around });
    const docker = channelTo(network, credentials);
    const token = agentToken(credentials);
    const shares = sharesOf({ settings, machine, agent, docker }, around);
    const live = {
      agent,
      token,
      docker,
      machine,
      network,
      settings,
      shares,
      joined: true,
      dockerVersion: undefined,
    };
    if ((await machine.standsStill()) && (await hostFreeBytes(paths.dataDisk)) < ROOM_BYTES) return live;
    await machine.resume(); // it may have been asleep
    setClock(agent, around);
    const dockerVersion = await waitForDocker({ ...input, machine, network, docker, awake: true });
    if (dockerVersion === undefined) return live;
    await shares.mend();
    return { ...live, dockerVersion };
  } catch (error) {
    network.close();
    throw error;
  }
}
