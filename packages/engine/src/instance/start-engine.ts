import { mkdir, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Logger, OrlopError } from '@orlop/core';
import {
  type AcceleratorName,
  type Architecture,
  chooseAccelerator,
  type Machine,
  parseArchitecture,
  replaceFile,
} from '@orlop/vm';
import { DockerChannel } from '../docker/docker-channel.ts';
import { engineError } from '../errors.ts';
import { registryPaths } from '../registry/registry-paths.ts';
import type { LayeredSettings } from '../settings/layered-settings.ts';
import { ensureCredentials, type InstanceCredentials } from '../tls/instance-authority.ts';
import { ensureDataDisk } from './data-disk.ts';
import { ensureEngineImage } from './engine-image.ts';
import type { EngineSurroundings } from './engine-surroundings.ts';
import { GuestAgent } from './guest-agent.ts';
import {
  AGENT_PORT,
  agentToken,
  DOCKER_PORT,
  GUEST_CONFIGURATION_NAME,
  guestConfiguration,
  machineShares,
} from './guest-configuration.ts';
import { roomShortage } from './host-room.ts';
import { InstanceNetwork } from './instance-network.ts';
import { type InstancePaths, makeInstanceFolder } from './instance-paths.ts';
import { type StartedMachine, startMachine } from './start-machine.ts';
import type { StageVoice, StartStages } from './start-stages.ts';

/** An engine that runs: what the rest of the daemon works with. */
export interface LiveEngine {
  readonly machine: Machine;
  readonly network: InstanceNetwork;
  readonly docker: DockerChannel;
  readonly dockerVersion: string;
  readonly agent: GuestAgent;
  /** What the machine's programs for the host want to hear first. */
  readonly token: string;
  readonly settings: LayeredSettings;
}

export interface StartInput {
  readonly paths: InstancePaths;
  readonly settings: LayeredSettings;
  readonly around: EngineSurroundings;
  readonly stages: StartStages;
  readonly signal: AbortSignal;
}

/** Long enough for emulation on a busy machine; the first image is composed out of downloads. */
const LIMIT_MS = {
  image: 1_800_000,
  disk: 30_000,
  network: 15_000,
  machine: 60_000,
  /** Seen: more than 120 s of an emulated machine on two processors with a load of 25. */
  kernel: 240_000,
  docker: 240_000,
  /** dockerd runs already. */
  again: 60_000,
} as const;
const POLL_MS = 50;
const DIAL_TIMEOUT_MS = 2000;

/** Starts an engine from nothing. Whatever fails, nothing that was started here stays behind. */
export async function startEngine(input: StartInput): Promise<LiveEngine> {
  const { paths, settings, around, stages, signal } = input;
  const at = (waitsFor: string, limitMs: number) => ({ waitsFor, limitMs, signal });
  await makeInstanceFolder(paths);
  const architecture = hostArchitecture();
  const image = await stages.run('image', at('the image of the machine', LIMIT_MS.image), async (voice) => {
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
  const disk = await stages.run('disk', at('the data disk', LIMIT_MS.disk), async (voice) => {
    const made = await ensureDataDisk(paths.dataDisk, settings.number('disk'));
    const shortage = await roomShortage(paths.dataDisk);
    if (shortage !== undefined) around.logger.warn(shortage, { engine: paths.name });
    voice.note(shortage === undefined ? made.change : `${made.change}; ${shortage}`);
    return made;
  });
  const network = await stages.run('network', at('the virtual network', LIMIT_MS.network), () =>
    InstanceNetwork.open(paths, networkInput(input)),
  );
  let started: StartedMachine | undefined;
  try {
    const credentials = await ensureCredentials(paths.folder, around.clock.wallMs());
    started = await stages.run('machine', at('QEMU', LIMIT_MS.machine), async (voice) => {
      const configuration = await guestConfiguration({
        name: paths.name,
        settings,
        credentials,
        hostAddress: network.hostAddress,
        gatewayAddress: network.gatewayAddress,
      });
      await replaceFile(paths.guestConfiguration, JSON.stringify(configuration));
      const choice = await accelerate(settings, { around, architecture, signal: voice.signal });
      await mkdir(around.home.machines, { recursive: true, mode: 0o700 });
      await rm(paths.cable, { force: true });
      const found = await startMachine(
        {
          name: paths.machineName,
          arch: architecture,
          cpus: settings.number('cpus'),
          memoryMiB: Math.floor(settings.number('memory') / 2 ** 20),
          boot: image.boot,
          disks: [{ path: disk.path, format: 'raw' }],
          cdroms: [],
          networks: [
            { kind: 'stream', socketPath: paths.cable, mac: network.mac, mtu: network.mtu, listen: true },
          ],
          channels: [],
          shares: await machineShares(settings),
          firmwareFiles: [{ name: GUEST_CONFIGURATION_NAME, path: paths.guestConfiguration }],
        },
        { folder: paths.machine, accelerator: choice.accelerator, signal: voice.signal },
        around,
      );
      const how = found.resumed ? ', from the saved state' : '';
      const why = found.notResumed === undefined ? '' : `; ${found.notResumed}`;
      voice.note(`${choice.accelerator}${how}${why}`);
      return found;
    });
    const { machine, resumed } = started;
    await network.plug(paths.cable);
    const agent = agentOf(network, { credentials, around });
    if (resumed) {
      await machine.resume();
      setClock(agent, around);
    }
    const live = await waitForDocker({ ...input, machine, network, credentials, awake: resumed });
    return { ...live, machine, network, settings, agent, token: agentToken(credentials) };
  } catch (error) {
    if (started?.resumed === true && signal.aborted) await putBack(started.machine, around.logger);
    else await started?.machine.kill();
    network.close();
    if (started?.resumed !== true || signal.aborted) throw error;
    around.logger.warn('an engine that was brought back does not answer, and starts from nothing', {
      engine: paths.name,
      reason: String(error),
    });
    return startEngine(input);
  }
}

/** A machine that was brought back, and is not wanted after all, goes to where it came from. */
async function putBack(machine: Machine, logger: Logger): Promise<void> {
  // Its guest has not run as long as that is there.
  if ((await machine.saved()) === undefined) {
    try {
      await machine.save();
      return;
    } catch (error) {
      logger.warn('a machine that was brought back could not be saved again', { reason: String(error) });
    }
  }
  await machine.kill();
}

function agentOf(
  network: InstanceNetwork,
  { credentials, around }: { readonly credentials: InstanceCredentials; readonly around: EngineSurroundings },
): GuestAgent {
  return new GuestAgent({
    token: agentToken(credentials),
    clock: around.clock,
    dial: (dialSignal) => network.dial(AGENT_PORT, dialSignal),
  });
}

/** A machine that stood still has the time of then; what waits for it need not wait for this. */
export function setClock(agent: GuestAgent, { logger }: { readonly logger: Logger }): void {
  agent
    .setClock()
    .catch((error: Error) => logger.warn("the machine's clock could not be set", { reason: error.message }));
}

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
    return {
      agent,
      token: agentToken(credentials),
      ...(await waitForDocker({ ...input, machine, network, credentials, awake: true })),
      machine,
      network,
      settings,
    };
  } catch (error) {
    network.close();
    throw error;
  }
}

function networkInput({ settings, around }: StartInput): Parameters<typeof InstanceNetwork.open>[1] {
  return { settings, logger: around.logger, registrySocket: registryPaths(around.home).socket };
}

interface Waiting extends StartInput {
  readonly machine: Machine;
  readonly network: InstanceNetwork;
  readonly credentials: Awaited<ReturnType<typeof ensureCredentials>>;
  /** Its system is up already. @default false */
  readonly awake?: boolean;
}

async function waitForDocker(input: Waiting): Promise<Pick<LiveEngine, 'docker' | 'dockerVersion'>> {
  const { network, machine, stages, signal, credentials } = input;
  await stages.run(
    'kernel',
    { waitsFor: 'the first frame from the machine', limitMs: LIMIT_MS.kernel, signal },
    async (voice) => {
      while (!network.heard) {
        // A machine that runs on may be silent until it is asked.
        if (input.awake === true)
          await network.dial(DOCKER_PORT, AbortSignal.timeout(DIAL_TIMEOUT_MS)).then(
            (stream) => stream.destroy(),
            () => undefined,
          );
        await pause(voice, machine);
      }
    },
  );
  const docker = new DockerChannel({
    credentials,
    dial: (dialSignal) => network.dial(DOCKER_PORT, dialSignal),
  });
  const dockerVersion = await stages.run(
    'docker',
    {
      waitsFor: 'the services of the machine',
      limitMs: input.awake === true ? LIMIT_MS.again : LIMIT_MS.docker,
      signal,
    },
    async (voice) => {
      for (;;) {
        const answer = await askVersion(docker, voice);
        if (answer !== undefined) return answer;
        await pause(voice, machine);
      }
    },
  );
  return { docker, dockerVersion };
}

/** @returns undefined while dockerd does not answer yet */
async function askVersion(docker: DockerChannel, voice: StageVoice): Promise<string | undefined> {
  try {
    const signal = AbortSignal.any([voice.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]);
    const answer = (await docker.json({ path: '/version', signal })) as { readonly Version?: string };
    return answer.Version ?? '';
  } catch (error) {
    voice.signal.throwIfAborted();
    const code = error instanceof OrlopError ? error.code : '';
    if (code === 'netstack.refused') voice.waitsFor('dockerd, whose port is closed yet');
    else if (code === 'engine.docker-unreachable') voice.waitsFor('dockerd, which does not speak TLS yet');
    else if (code === 'engine.docker-failed') voice.waitsFor('dockerd, which is not ready');
    return undefined;
  }
}

/** Until the next look. @throws OrlopError `engine.machine-ended` */
async function pause(voice: StageVoice, machine: Machine): Promise<void> {
  await sleep(POLL_MS, undefined, { signal: voice.signal });
  const state = await machine.state();
  if (state.kind === 'running') return;
  const detail = state.kind === 'stopped' ? `${state.reason} ${state.detail ?? ''}`.trim() : state.kind;
  throw engineError('engine.machine-ended', `the machine ended during its start: ${detail}`, {
    hint: '`orlop logs` shows what it said',
  });
}

function hostArchitecture(): Architecture {
  const architecture = parseArchitecture(process.arch);
  if (architecture !== undefined) return architecture;
  throw engineError('engine.no-image', `there are no engines for the architecture ${process.arch}`);
}

async function accelerate(
  settings: LayeredSettings,
  options: {
    readonly around: EngineSurroundings;
    readonly architecture: Architecture;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly accelerator: AcceleratorName }> {
  const { around, architecture, signal } = options;
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
