import { setTimeout as sleep } from 'node:timers/promises';
import { OrlopError } from '@orlop/core';
import type { Machine } from '@orlop/vm';
import type { DockerChannel } from '../docker/docker-channel.ts';
import { engineError } from '../errors.ts';
import { DOCKER_PORT } from './guest-configuration.ts';
import type { InstanceNetwork } from './instance-network.ts';
import { LIMIT_MS, type StartInput } from './start-input.ts';
import type { StageVoice } from './start-stages.ts';

const POLL_MS = 50;
const DIAL_TIMEOUT_MS = 2000;

interface Waiting extends StartInput {
  readonly machine: Machine;
  readonly network: InstanceNetwork;
  readonly docker: DockerChannel;
  /** Its system is up already. @default false */
  readonly awake?: boolean;
}

/** The stages of a start from the machine's first word to dockerd's. @returns dockerd's version @throws OrlopError `engine.machine-ended`, … */
export async function waitForDocker(input: Waiting): Promise<string> {
  const { network, machine, docker, stages, signal } = input;
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
  return stages.run(
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
