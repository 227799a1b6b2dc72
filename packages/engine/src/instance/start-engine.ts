import { type Architecture, type Logger, parseArchitecture } from '@orlop/core';
import type { Machine } from '@orlop/vm';
import { engineError } from '../errors.ts';
import type { EngineShares } from '../files/engine-shares.ts';
import { ensureCredentials, type InstanceCredentials } from '../tls/instance-authority.ts';
import { type DataDisk, ensureDataDisk } from './data-disk.ts';
import { type EngineImage, ensureEngineImage } from './engine-image.ts';
import { startEngineMachine } from './engine-machine.ts';
import { agentToken } from './guest-configuration.ts';
import { requireRoom, roomShortage } from './host-room.ts';
import { InstanceNetwork } from './instance-network.ts';
import { makeInstanceFolder } from './instance-paths.ts';
import { agentOf, channelTo, type LiveEngine, setClock, sharesOf } from './live-engine.ts';
import { LIMIT_MS, networkInput, type StartInput } from './start-input.ts';
import type { StartedMachine } from './start-machine.ts';
import { waitForDocker } from './wait-for-docker.ts';

/** Starts an engine from nothing. Whatever fails, nothing that was started here stays behind. */
export async function startEngine(input: StartInput): Promise<LiveEngine> {
  const { paths, settings, around, stages, signal } = input;
  await makeInstanceFolder(paths);
  const architecture = hostArchitecture();
  const image = await prepareImage(input, architecture);
  const disk = await prepareDisk(input);
  const credentials = await ensureCredentials(paths.folder, around.clock.wallMs());
  const network = await openOwnNetwork(input, credentials);
  let started: StartedMachine | undefined;
  let shares: EngineShares | undefined;
  try {
    started = await stages.run(
      'machine',
      {
        waitsFor: 'QEMU',
        limitMs: LIMIT_MS.machine,
        signal,
        letGo: (late: StartedMachine) => late.machine.kill(),
      },
      (voice) => {
        const machine = { architecture, boot: image.boot, diskPath: disk.path };
        return startEngineMachine(input, { ...machine, network, credentials, voice });
      },
    );
    const { machine, resumed } = started;
    await network.plug(paths.cable);
    const agent = agentOf(network, { credentials, around });
    const docker = channelTo(network, credentials);
    shares = sharesOf({ settings, machine, agent, docker }, around);
    if (resumed) {
      await shares.plug();
      await machine.resume();
      setClock(agent, around);
    }
    const dockerVersion = await waitForDocker({ ...input, machine, network, docker, awake: resumed });
    if (resumed && dockerVersion !== undefined) await shares.bringBack();
    const token = agentToken(credentials);
    return { docker, dockerVersion, machine, network, settings, agent, shares, token, joined: false };
  } catch (error) {
    if (started?.resumed === true && signal.aborted)
      await putBack({ machine: started.machine, shares, logger: around.logger });
    else await started?.machine.kill();
    network.close();
    // As long as its state is there its guest has not run, and it can be brought back again.
    if (started?.resumed !== true || signal.aborted || (await started.machine.saved()) !== undefined)
      throw error;
    around.logger.warn('an engine that was brought back does not answer, and starts from nothing', {
      engine: paths.name,
      reason: String(error),
    });
    return startEngine(input);
  }
}

function openOwnNetwork(input: StartInput, credentials: InstanceCredentials): Promise<InstanceNetwork> {
  const { paths, stages, signal } = input;
  const letGo = (late: InstanceNetwork) => late.close();
  const options = { waitsFor: 'the virtual network', limitMs: LIMIT_MS.network, signal, letGo };
  return stages.run('network', options, () => InstanceNetwork.open(paths, networkInput(input, credentials)));
}

function prepareImage(input: StartInput, architecture: Architecture): Promise<EngineImage> {
  const { settings, around, stages, signal } = input;
  const options = { waitsFor: 'the image of the machine', limitMs: LIMIT_MS.image, signal };
  return stages.run('image', options, async (voice) => {
    const found = await ensureEngineImage({
      ...around.image,
      home: around.home,
      description: settings.text('image') || around.image.description,
      architecture,
      progress: (event) => {
        voice.waitsFor(event.task);
        around.image.progress(event);
      },
      signal: voice.signal,
    });
    voice.note(found.built ? 'composed' : 'up to date');
    return found;
  });
}

function prepareDisk({ paths, settings, around, stages, signal }: StartInput): Promise<DataDisk> {
  const options = { waitsFor: 'the data disk', limitMs: LIMIT_MS.disk, signal };
  return stages.run('disk', options, async (voice) => {
    const made = await ensureDataDisk(paths.dataDisk, settings.number('disk'));
    await requireRoom(paths.dataDisk);
    const shortage = await roomShortage(paths.dataDisk);
    if (shortage !== undefined) around.logger.warn(shortage, { engine: paths.name });
    voice.note(shortage === undefined ? made.change : `${made.change}; ${shortage}`);
    return made;
  });
}

/** A machine that was brought back, and is not wanted after all, goes to where it came from. */
async function putBack({
  machine,
  shares,
  logger,
}: {
  readonly machine: Machine;
  readonly shares: EngineShares | undefined;
  readonly logger: Logger;
}): Promise<void> {
  // Its guest has not run as long as that is there.
  if ((await machine.saved()) === undefined) {
    try {
      await shares?.takeAway();
      await machine.save();
      return;
    } catch (error) {
      logger.warn('a machine that was brought back could not be saved again', { reason: String(error) });
    }
  }
  await machine.kill();
}

function hostArchitecture(): Architecture {
  const architecture = parseArchitecture(process.arch);
  if (architecture !== undefined) return architecture;
  throw engineError('engine.no-image', `there are no engines for the architecture ${process.arch}`);
}
