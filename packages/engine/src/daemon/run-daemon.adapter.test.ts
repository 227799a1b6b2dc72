import { request } from 'node:http';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { daemonPaths, instancePaths } from '../instance/instance-paths.ts';
import { prepareImage, surroundingsIn } from '../testing/surroundings.ts';
import { connectDaemon } from './daemon-client.ts';
import { type DaemonOptions, runDaemon } from './run-daemon.ts';

let folder: TemporaryFolder;
let around: ReturnType<typeof surroundingsIn>;
let ends: AbortController;
let running: Promise<unknown>[];

beforeEach(async () => {
  folder = await temporaryFolder('daemon');
  around = surroundingsIn(folder.path);
  await prepareImage(around);
  ends = new AbortController();
  running = [];
});

afterEach(async () => {
  ends.abort();
  await Promise.allSettled(running);
  await folder.remove();
});

function daemon(version: string, options: Partial<DaemonOptions> = {}): Promise<void> {
  const ended = runDaemon({ around, version, commit: '', signal: ends.signal, ...options });
  running.push(ended);
  return ended;
}

const client = () => connectDaemon(daemonPaths(around.home).socket);

/** Of the daemon that answers, and of its engine. */
async function found(): Promise<readonly (string | undefined)[]> {
  const status = await client()
    .status()
    .catch(() => undefined);
  return [status?.version, status?.engines.find(({ name }) => name === 'default')?.state.kind];
}

/** A successor that waits for the daemon that runs. */
async function waiting(version: string, signal = ends.signal): Promise<{ readonly ended: Promise<void> }> {
  let ended = Promise.resolve();
  await new Promise<void>((onWait) => {
    ended = daemon(version, { successor: { onWait, signal } });
  });
  return { ended };
}

/** A request to the engine's Docker socket. @returns the status, or what became of it */
function ask(): Promise<number | string> {
  const socketPath = instancePaths(around.home, 'default').dockerSocket;
  return new Promise((answered) => {
    const asked = request({ socketPath, path: '/version', agent: false }, (answer) => {
      answer.resume();
      answered(answer.statusCode ?? 0);
    });
    asked.once('error', (error: NodeJS.ErrnoException) => answered(error.code ?? 'lost')).end();
  });
}

describe('runDaemon', () => {
  it('takes over from the daemon that it waits for; who asks meanwhile waits, or is answered when it asks again', async () => {
    const first = daemon('1');
    await expect.poll(found).toContain('1');
    await client().start('default');
    await waiting('2');
    expect(await found()).toEqual(['1', 'running']);

    let asking = true;
    const answers = new Map<number | string, number>();
    const asked = (async () => {
      while (asking) {
        const answer = await ask();
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
      return ask();
    })();
    await expect.poll(() => answers.get(200)).toBeGreaterThan(0);
    await client().shutdown({ keepEngines: true });
    await first;
    await expect.poll(found).toEqual(['2', 'running']);
    asking = false;
    expect(await asked).toBe(200);
    // Docker's socket is away, or ends what it has: no answer says that the engine does not run.
    expect([...answers.keys()].filter((answer) => typeof answer === 'number')).toEqual([200]);
    expect([...around.driver.machines.values()].map(({ starts }) => starts)).toEqual([1]);
  });

  it('gives up when it is no longer wanted, and the one that it waited for goes on', async () => {
    daemon('1');
    await expect.poll(found).toContain('1');
    const left = new AbortController();
    const { ended } = await waiting('2', left.signal);
    left.abort();
    await expect(ended).rejects.toMatchObject({ name: 'AbortError' });
    expect(await found()).toContain('1');
  });

  it('is one of a home, and tells the process that has it', async () => {
    daemon('1');
    await expect.poll(found).toContain('1');
    await expect(daemon('2')).rejects.toMatchObject({
      code: 'daemon.running',
      message: expect.stringContaining(String(process.pid)),
    });
  });
});
