import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NEW_LOG } from '@orlop/vm';
import { readText } from '../docker/docker-channel.ts';
import { engineError } from '../errors.ts';
import type { HostPrograms } from '../programs/host-programs.ts';
import { assertSocketPath } from '../socket-path.ts';
import type { RegistryPaths } from './registry-paths.ts';

export interface RegistryRun {
  readonly paths: RegistryPaths;
  readonly programs: HostPrograms;
  /** Where it listens. */
  readonly socket: string;
  /** Whether images can be put there. */
  readonly writable: boolean;
  /** Goes on when this process ends. */
  readonly detached: boolean;
  readonly signal: AbortSignal;
}

const START_TIMEOUT_MS = 20_000;
const POLL_MS = 50;

/**
 * Starts Debian's docker-registry on a unix socket; resolves when it answers.
 * @throws OrlopError `engine.registry-failed` with what it said
 */
export async function startRegistry(run: RegistryRun): Promise<ChildProcess> {
  const { paths, programs, socket, writable, detached, signal } = run;
  assertSocketPath(socket);
  await mkdir(paths.data, { recursive: true, mode: 0o700 });
  const configuration = join(paths.folder, writable ? 'write.yml' : 'serve.yml');
  await writeFile(configuration, configure({ socket, data: paths.data, writable }), { mode: 0o600 });
  await rm(socket, { force: true });
  const log = await open(paths.log, NEW_LOG, 0o600);
  const [program = '', ...words] = programs.command('usr/bin/docker-registry');
  const child = spawn(program, [...words, 'serve', configuration], {
    cwd: paths.folder,
    detached,
    env: {},
    stdio: ['ignore', log.fd, log.fd],
  });
  const failed = new Promise<Error>((resolve) => child.once('error', resolve));
  try {
    for (let waitedMs = 0; ; waitedMs += POLL_MS) {
      if ((await askRegistry(socket, '/v2/')) !== undefined) return child;
      const error = await Promise.race([failed, sleep(POLL_MS, undefined, { signal })]);
      if (error === undefined && child.exitCode === null && waitedMs < START_TIMEOUT_MS) continue;
      throw engineError('engine.registry-failed', 'docker-registry does not start', {
        ...(error !== undefined && { cause: error }),
        hint: `its log is ${paths.log}`,
      });
    }
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    await log.close();
  }
}

/** The answer of a registry as JSON; undefined when it does not answer, or not with that. */
export async function askRegistry(socket: string, path: string): Promise<unknown> {
  return new Promise((resolve) => {
    const asked = request({ socketPath: socket, path, agent: false });
    asked.once('error', () => resolve(undefined));
    asked.once('response', (answer) => {
      if (answer.statusCode !== 200) {
        answer.resume();
        resolve(undefined);
        return;
      }
      readText(answer)
        .then((text) => resolve(JSON.parse(text)))
        .catch(() => resolve(undefined));
    });
    asked.end();
  });
}

/** In the form of docker-registry's configuration, version 0.1; JSON is YAML. */
function configure({
  socket,
  data,
  writable,
}: {
  readonly socket: string;
  readonly data: string;
  readonly writable: boolean;
}): string {
  return JSON.stringify({
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: data },
      delete: { enabled: writable },
      maintenance: { readonly: { enabled: !writable }, uploadpurging: { enabled: false } },
    },
    http: { net: 'unix', addr: socket },
  });
}
