import type { Machine } from '@orlop/vm';
import { ensureCredentials } from '../tls/instance-authority.ts';
import { agentToken } from './guest-configuration.ts';
import { InstanceNetwork } from './instance-network.ts';
import { agentOf, channelTo, type LiveEngine, setClock, sharesOf } from './live-engine.ts';
import { LIMIT_MS, networkInput, type StartInput } from './start-input.ts';
import { waitForDocker } from './wait-for-docker.ts';

/** Joins an engine that runs already, whose daemon is gone. */
export async function adoptEngine(input: StartInput & { readonly machine: Machine }): Promise<LiveEngine> {
  const { paths, settings, around, stages, machine } = input;
  const network = await stages.run(
    'network',
    { waitsFor: 'the virtual network', limitMs: LIMIT_MS.network, signal: input.signal },
    async (voice) => {
      const opened = await InstanceNetwork.open(paths, networkInput(input));
      await opened.plug(paths.cable).catch((error) => {
        opened.close();
        throw error;
      });
      voice.note('joined a machine that runs');
      return opened;
    },
  );
  try {
    await machine.resume(); // it may have been asleep
    const credentials = await ensureCredentials(paths.folder, around.clock.wallMs());
    const agent = agentOf(network, { credentials, around });
    setClock(agent, around);
    const docker = channelTo(network, credentials);
    const shares = sharesOf({ settings, machine, agent, docker }, around);
    const dockerVersion = await waitForDocker({ ...input, machine, network, docker, awake: true });
    await shares.mend();
    const token = agentToken(credentials);
    return { agent, token, docker, dockerVersion, machine, network, settings, shares };
  } catch (error) {
    network.close();
    throw error;
  }
}
