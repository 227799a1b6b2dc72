import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EngineUnderTest, hasQemu, run } from './engine-under-test.ts';

const isWanted = hasQemu && process.env['ORLOP_LONG'] === '1';
const BUSYBOX = 'orlop/busybox';

const engine = new EngineUnderTest();
const { orlop, docker, status } = engine;
const machineFile = (name: string) => join(engine.home, 'machines', 'engine-default', name);
const dataDisk = () => join(engine.home, 'engine', 'default', 'data.img');
let written = 0;

beforeAll(async () => {
  if (!isWanted) return;
  await engine.prepare({ disk: '3GiB' });
  // Shares are taken away before an engine is saved, and given back after: a stage of its own.
  await mkdir(join(engine.home, 'shared'));
  await orlop('config', 'set', '--global', 'shares', join(engine.home, 'shared'));
  await orlop('up');
  await engine.load('pkg/busybox');
  const stay = ['--name', 'stays', '--restart', 'always', '-v', 'kept:/v'];
  await docker('run', '-d', ...stay, BUSYBOX, 'sleep', '1000000');
});

afterAll(() => engine.stop());

/** What the machine has written and synced before anything is killed. */
beforeEach(async () => {
  if (!isWanted) return;
  await docker('exec', 'stays', 'sh', '-c', `echo ${++written} >/v/n; sync`);
});

/** Every QEMU of this home. */
function machines(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        return words.includes('qemu-system') && words.includes(engine.home);
      } catch {
        return false; // it has ended
      }
    })
    .map(Number);
}

const victims = {
  'the daemon': async () => [await engine.daemonPid()],
  QEMU: async () => machines(),
};

/** A stage of a suspension, by the files that QEMU and the daemon make one after the other. */
const suspending = {
  'it was asked for': () => true,
  'the state is being written': () => existsSync(machineFile('saved.zst.tmp')),
  'the state is written': () => existsSync(machineFile('saved.zst')),
  'the state counts': () => existsSync(machineFile('saved.json')),
} as const;

async function untilTrue(isSo: () => boolean, isOver: () => boolean): Promise<boolean> {
  while (!isSo()) {
    if (isOver()) return false;
    await turn();
  }
  return true;
}

/** Asks the daemon for a suspension without waiting; whatever comes of it. */
function post(path: string): { isOver(): boolean; readonly ended: Promise<void> } {
  let over = false;
  const socketPath = join(engine.home, 'daemon', 'api.sock');
  const ended = new Promise<void>((settled) => {
    const done = () => {
      over = true;
      settled();
    };
    const asked = request({ socketPath, path, method: 'POST', agent: false }, (answer) => {
      answer.resume();
      answer.once('close', done);
    });
    asked.once('error', done).end();
  });
  return { isOver: () => over, ended };
}

/** Calls back at once when the engine enters a stage of its start. */
function atStage(stage: string, act: () => Promise<void>): () => void {
  const socketPath = join(engine.home, 'daemon', 'api.sock');
  const asked = request({ socketPath, path: '/v1/events?engine=default', agent: false }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        if (!line.startsWith('data: ')) continue;
        const event = JSON.parse(line.slice('data: '.length));
        if (event.kind === 'stage' && event.stage.name === stage && event.stage.state === 'active')
          void act();
      }
    });
    answer.on('error', () => {});
  });
  asked.on('error', () => {});
  asked.end();
  return () => asked.destroy();
}

/** One machine, its container, and what was written. @returns whether the container went on as it was */
async function expectWhole(startedAt: string): Promise<'went on' | 'started again'> {
  expect(['stopped', 'suspended', 'starting', 'running', 'failed']).toContain((await status()).state.kind);
  await orlop('up', '--quiet');
  expect((await status()).state.kind).toBe('running');
  const names = () => docker('ps', '--format', '{{.Names}}').catch(String);
  await expect.poll(names, { timeout: 120_000, interval: 200 }).toBe('stays\n');
  expect(await docker('exec', 'stays', 'cat', '/v/n')).toBe(`${written}\n`);
  expect(machines()).toHaveLength(1);
  return (await started()) === startedAt ? 'went on' : 'started again';
}

const started = () => docker('inspect', '-f', '{{.State.StartedAt}}', 'stays');

const kill = (pids: readonly number[]) => {
  for (const pid of pids) process.kill(pid, 'SIGKILL');
};

describe.skipIf(!isWanted)('rests of which a part is killed (ORLOP_LONG=1)', { timeout: 900_000 }, () => {
  describe.each(Object.entries(victims))('%s', (victim, find) => {
    it.each(Object.entries(suspending))(
      'in a suspension when %s: nothing is lost',
      async (_stage, isThere) => {
        const before = await started();
        const pids = await find();
        const asked = post('/v1/engines/default/suspend');
        const seen = await untilTrue(isThere, asked.isOver);
        kill(pids.filter((pid) => existsSync(`/proc/${pid}`)));
        await asked.ended;
        expect(seen).toBe(true);
        const outcome = await expectWhole(before);
        // A machine outlives its daemon, and a state that counts its machine.
        if (victim === 'the daemon') expect(outcome).toBe('went on');
      },
    );

    // It is there from the stage `machine` on.
    const stages = ['image', 'disk', 'network', 'machine', 'kernel', 'docker'].slice(
      victim === 'QEMU' ? 3 : 0,
    );
    it.each(stages)('in a return at the stage %s: nothing is lost', async (stage) => {
      const before = await started();
      await orlop('suspend');
      let killed = 0;
      const end = atStage(stage, async () => {
        let pids: readonly number[] = [];
        while (pids.length === 0) pids = victim === 'QEMU' ? machines() : [await engine.daemonPid()];
        kill(pids);
        killed += pids.length;
      });
      // A request that is answered, or whose end is seen.
      await docker('version').catch(() => '');
      await expect.poll(() => killed).toBeGreaterThan(0);
      end();
      const outcome = await expectWhole(before);
      if (victim === 'the daemon') expect(outcome).toBe('went on');
    });
  });

  it('leave a data disk that e2fsck finds nothing wrong with', async () => {
    kill(machines());
    await expect.poll(machines).toEqual([]);
    // Replaying the journal is what the next start does; whatever is wrong after that is damage (status 4).
    await run('e2fsck', ['-p', dataDisk()]).catch((error) => expect(error.code).toBe(1));
    await run('e2fsck', ['-f', '-n', dataDisk()]);
    const before = 'nothing of it runs';
    expect(await expectWhole(before)).toBe('started again');
  });
});
