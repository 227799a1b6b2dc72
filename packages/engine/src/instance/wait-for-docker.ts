import { setTimeout as sleep } from 'node:timers/promises';
import { OrlopError } from '@orlop/core';
import type { Machine } from '@orlop/vm';
import type { DockerChannel } from '../docker/docker-channel.ts';
import { engineError } from '../errors.ts';
import { readLogTail } from './console-log.ts';
import { DOCKER_PORT } from './guest-configuration.ts';
import { hostFreeBytes, hostFull } from './host-room.ts';
import type { InstanceNetwork } from './instance-network.ts';
import { findKernelPanic } from './kernel-panic.ts';
import { describeServiceEnds } from './service-ends.ts';
import { LIMIT_MS, type StartInput } from './start-input.ts';
import type { StageVoice } from './start-stages.ts';

const POLL_MS = 50;
/** Looks at the machine's processors are further apart: each is a connection to QEMU's monitor. */
const POLLS_PER_LOOK = 20;
const DIAL_TIMEOUT_MS = 2000;
/** For a machine that runs on, in which dockerd does not answer, to be looked at more closely. */
const SILENT_MS = 10_000;
/** Words with which dockerd ends that will not be another time: moby, cmd/dockerd/docker.go. */
const REFUSED_CONFIGURATION = 'unable to configure the Docker daemon';

interface Waiting extends StartInput {
  readonly machine: Machine;
  readonly network: InstanceNetwork;
  readonly docker: DockerChannel;
  /** Its system is up already. @default false */
  readonly awake?: boolean;
}

/**
 * The stages of a start from the machine's first word to dockerd's. A machine that was awake and stands still for want of
 * room on the host is left as it is, for it goes on when there is room.
 *
 * @returns dockerd's version; undefined of one that was left
 * @throws OrlopError `engine.machine-ended`, `engine.docker-failed`, and `engine.host-full` for one that began here
 */
export async function waitForDocker(input: Waiting): Promise<string | undefined> {
  try {
    return await untilAnswers(input);
  } catch (error) {
    if (input.awake !== true || !(error instanceof OrlopError) || error.code !== 'engine.host-full')
      throw error;
    return undefined;
  }
}

async function untilAnswers(input: Waiting): Promise<string> {
  const { docker, network, stages, signal } = input;
  const pause = pauses(input);
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
        await pause(voice);
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
      let ended: string | undefined;
      for (;;) {
        const answer = await askVersion(docker, voice, ended);
        if (answer !== undefined) return answer;
        const said = await pause(voice);
        if (said !== undefined) ended = describeServiceEnds(said, 'docker');
        if (ended?.includes(REFUSED_CONFIGURATION) === true)
          throw engineError('engine.docker-failed', `dockerd ${ended}`, {
            hint: 'it is given `orlop config get docker.daemon`',
          });
      }
    },
  );
}

/**
 * @param ended what is known of a dockerd that ended
 * @returns undefined while dockerd does not answer yet
 */
async function askVersion(
  docker: DockerChannel,
  voice: StageVoice,
  ended: string | undefined,
): Promise<string | undefined> {
  try {
    const signal = AbortSignal.any([voice.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]);
    return await dockerVersion(docker, signal);
  } catch (error) {
    voice.signal.throwIfAborted();
    const code = error instanceof OrlopError ? error.code : '';
    if (code === 'netstack.refused')
      voice.waitsFor(ended === undefined ? 'dockerd, whose port is closed yet' : `dockerd, which ${ended}`);
    else if (code === 'engine.docker-unreachable') voice.waitsFor('dockerd, which does not speak TLS yet');
    else if (code === 'engine.docker-failed') voice.waitsFor('dockerd, which is not ready');
    return undefined;
  }
}

/** @throws OrlopError */
export async function dockerVersion(docker: DockerChannel, signal: AbortSignal): Promise<string> {
  const answer = (await docker.json({ path: '/version', signal })) as { readonly Version?: string };
  return answer.Version ?? '';
}

/**
 * The time until the next look, which throws when there is nothing to wait for any more.
 *
 * @returns what the machine said of late, where it was looked at itself
 */
function pauses({
  machine,
  paths,
  around,
  awake,
}: Waiting): (voice: StageVoice) => Promise<string | undefined> {
  const { clock } = around;
  const sinceMs = clock.monotonicMs();
  let polls = 0;
  return async (voice) => {
    await sleep(POLL_MS, undefined, { signal: voice.signal });
    const state = await machine.state();
    if (state.kind !== 'running') {
      const detail = state.kind === 'stopped' ? `${state.reason} ${state.detail ?? ''}`.trim() : state.kind;
      throw engineError('engine.machine-ended', `the machine ended during its start: ${detail}`, {
        hint: '`orlop logs` shows what it said',
      });
    }
    polls++;
    // In a machine that runs on they may be somebody's words.
    const isSilent = awake === true && clock.monotonicMs() - sinceMs > SILENT_MS;
    if (!isSilent && (awake === true || polls % POLLS_PER_LOOK !== 0)) return undefined;
    const { text } = await readLogTail(machine.console.logPath);
    const panic = findKernelPanic(text);
    if (panic !== undefined) {
      throw engineError(
        'engine.machine-ended',
        `the machine's kernel gave up${awake === true ? '' : ' during its start'}: ${panic}`,
        {
          hint: '`orlop logs` shows what it said before',
        },
      );
    }
    if (!(await machine.standsStill())) return text;
    const free = await hostFreeBytes(paths.dataDisk);
    const what = `the host's disk is full, ${free} bytes free for ${paths.dataDisk}`;
    throw hostFull(`the machine stands still during its start: ${what}`);
  };
}
