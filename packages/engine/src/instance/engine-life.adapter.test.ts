import { existsSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import type { EngineEvent } from '@orlop/api';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeDriver, FakeMachine } from '../testing/fake-machines.ts';
import { prepareImage, surroundingsIn } from '../testing/surroundings.ts';
import { EngineInstance } from './engine-instance.ts';

let folder: TemporaryFolder;
let driver: FakeDriver;
let engine: EngineInstance;
let events: EngineEvent[];

beforeEach(async () => {
  folder = await temporaryFolder('life');
  const around = surroundingsIn(folder.path);
  driver = around.driver;
  await prepareImage(around);
  events = [];
  engine = new EngineInstance({
    name: 'default',
    around,
    emit: (event) => events.push(event),
    publisherOf: () => undefined,
  });
});

afterEach(async () => {
  await engine.life.stop({ graceMs: 0 });
  await folder.remove();
});

const machine = (): FakeMachine => {
  const found = driver.machines.get(engine.paths.machine);
  if (found === undefined) throw new Error('there is no machine');
  return found;
};
const kind = () => engine.life.state.kind;
const kinds = () => events.flatMap((event) => (event.kind === 'state' ? [event.state.kind] : []));
/** Fails at once where it would be missed for as long as the other is waited for. */
const outcome = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: { code?: string }) => error.code ?? String(error),
  );

/** A request to Docker's socket. */
function ask(path = '/version'): Promise<number | undefined> {
  return new Promise((answered, failed) => {
    const asked = request({ socketPath: engine.paths.dockerSocket, path, agent: false }, (answer) => {
      answer.resume();
      answered(answer.statusCode);
    });
    asked.once('error', failed).end();
  });
}

describe('EngineLife', () => {
  it('has one start for all who ask, and one machine', async () => {
    await Promise.all([engine.life.start(), engine.life.start(), engine.life.wake()]);
    expect([kind(), machine().starts]).toEqual(['running', 1]);
    expect(await ask()).toBe(200);
  });

  it('starts once a stop under way is over, and gives that up when asked to while it waits', async () => {
    await engine.life.start();
    for (const isGivenUp of [false, true]) {
      const hold = driver.hold('powerDown');
      const stop = outcome(engine.life.stop());
      await hold.reached;
      const start = outcome(engine.life.start());
      if (isGivenUp) await engine.life.giveUpStart();
      if (isGivenUp) expect(await start).toBe('engine.start-cancelled');
      expect(kind()).toBe('stopping');
      hold.release();
      expect([await stop, await start, kind()]).toEqual(
        isGivenUp ? ['done', 'engine.start-cancelled', 'stopped'] : ['done', 'done', 'running'],
      );
    }
  });

  it('gives a start up for the last who wants it, and for a stop whoever wants it', async () => {
    const gone = new AbortController();
    let hold = driver.hold('start');
    const first = outcome(engine.life.start({}, { gone: gone.signal }));
    await hold.reached;
    const second = outcome(engine.life.start());
    await engine.life.giveUpStart();
    expect(kind()).toBe('starting');
    gone.abort(); // the first has left
    await engine.life.giveUpStart();
    expect([await first, await second, kind()]).toEqual([
      'engine.start-cancelled',
      'engine.start-cancelled',
      'stopped',
    ]);
    hold = driver.hold('start');
    const both = [outcome(engine.life.start()), outcome(engine.life.start())];
    await hold.reached;
    await engine.life.stop();
    expect(await Promise.all(both)).toEqual(['engine.start-cancelled', 'engine.start-cancelled']);
    expect(kind()).toBe('stopped');
  });

  it('leaves an engine that runs as it is when a start is given up', async () => {
    await engine.life.start();
    await engine.life.giveUpStart();
    expect([kind(), machine().starts]).toEqual(['running', 1]);
  });

  it('does one stop after the other, each as it was asked for', async () => {
    await engine.life.start();
    let hold = driver.hold('powerDown');
    const stop = outcome(engine.life.stop());
    await hold.reached;
    const suspend = outcome(engine.life.suspend());
    const sleep = outcome(engine.life.sleep());
    hold.release();
    expect([await stop, await suspend, await sleep]).toEqual([
      'done',
      'engine.not-running',
      'engine.not-running',
    ]);
    await engine.life.start();
    hold = driver.hold('save');
    const suspended = outcome(engine.life.suspend());
    await hold.reached;
    const stopped = outcome(engine.life.stop());
    hold.release();
    expect([await suspended, await stopped]).toEqual(['done', 'done']);
    expect(engine.life.state).toMatchObject({ kind: 'stopped', reason: 'saved' });
  });

  it('answers a request that comes while its processors are being stopped', async () => {
    await engine.life.start();
    const hold = driver.hold('pause');
    const sleep = outcome(engine.life.sleep());
    await hold.reached;
    const asked = ask();
    hold.release();
    expect([await sleep, await asked, kind()]).toEqual(['done', 200, 'running']);
    expect(machine().isPaused).toBe(false);
  });

  it('answers a request that comes while it is being stopped: it does not run', async () => {
    await engine.life.start();
    const hold = driver.hold('powerDown');
    const stop = outcome(engine.life.stop());
    await hold.reached;
    const asked = ask().catch(({ code }: NodeJS.ErrnoException) => code);
    await expect.poll(() => engine.life.connections).toBe(1);
    hold.release();
    expect([await stop, await asked, kind()]).toEqual(['done', 503, 'stopped']);
    expect(existsSync(engine.paths.dockerSocket)).toBe(false);
  });

  it('answers a request that comes while it is being suspended, by the machine that comes back', async () => {
    await engine.life.start();
    const hold = driver.hold('save');
    const suspend = outcome(engine.life.suspend());
    await hold.reached;
    const cut = ask().catch(() => 'cut off'); // it is one of those that the suspension ends
    hold.release();
    expect(await suspend).toBe('done');
    await cut;
    expect(await ask()).toBe(200);
    expect([kind(), machine().starts]).toEqual(['running', 2]);
  });

  it('is suspended again when its return is given up, and comes back with the next request', async () => {
    await engine.life.start();
    await engine.life.suspend();
    const hold = driver.hold('start');
    const start = outcome(engine.life.start());
    await hold.reached;
    await engine.life.giveUpStart();
    expect([await start, kind()]).toEqual(['engine.start-cancelled', 'suspended']);
    expect([await ask(), kind()]).toEqual([200, 'running']);
  });

  it('is suspended again when its machine dies before it has run, and comes back with the next request', async () => {
    await engine.life.start();
    await engine.life.suspend();
    const hold = driver.hold('resume');
    const start = outcome(engine.life.start());
    await hold.reached;
    await machine().end('died');
    hold.release();
    expect(await start).not.toBe('done');
    expect(kind()).toBe('suspended');
    expect([await ask(), kind(), machine().starts]).toEqual([200, 'running', 3]);
  });

  it('says that a machine died while it was being saved, and starts another', async () => {
    await engine.life.start();
    const hold = driver.hold('save');
    const suspend = outcome(engine.life.suspend());
    await hold.reached;
    await machine().end('died');
    hold.release();
    expect(await suspend).not.toBe('done');
    await expect.poll(() => engine.life.state).toMatchObject({ kind: 'stopped', reason: 'died' });
    await engine.life.start();
    expect(kind()).toBe('running');
  });

  it('keeps its data, and runs on, when a snapshot is larger than its disk may be', async () => {
    const settings = (disk: string) =>
      writeFile(join(folder.path, 'config.yml'), `accelerator: tcg\ndisk: ${disk}\n`);
    await settings('2GiB');
    await engine.life.start();
    await engine.life.stop();
    await engine.createSnapshot('large');
    await engine.reset({ keepData: false });
    await settings('1GiB');
    await engine.life.start();
    const refused = { code: 'engine.disk-shrink', message: expect.stringContaining('"large"') };
    await expect(engine.restoreSnapshot('large')).rejects.toMatchObject(refused);
    expect([kind(), (await stat(engine.paths.dataDisk)).size]).toEqual(['running', 2 ** 30]);
    await settings('2GiB');
    await engine.restoreSnapshot('large');
    expect([kind(), (await stat(engine.paths.dataDisk)).size]).toEqual(['running', 2 ** 31]);
  });

  it('starts nothing while a reset removes its files, and what starts after is new', async () => {
    await engine.life.start();
    const hold = driver.hold('powerDown');
    const reset = outcome(engine.reset({ keepData: false }));
    await hold.reached;
    const start = outcome(engine.life.start());
    hold.release();
    expect([await reset, await start]).toEqual(['done', 'done']);
    expect(kinds().slice(-4)).toEqual(['stopped', 'stopped', 'starting', 'running']);
    expect(existsSync(engine.paths.dataDisk)).toBe(true);
  });

  it('meets requests and rests in any order without leaving one unanswered', async () => {
    await engine.life.start();
    for (let turn = 0; turn < 60; turn++) {
      const sleep = outcome(engine.life.sleep());
      for (let step = 0; step < turn % 10; step++) await new Promise((next) => setImmediate(next));
      expect(await ask()).toBe(200);
      expect(await sleep).toBe('done');
      if (turn % 10 !== 9) continue;
      await engine.life.suspend();
      expect(await ask()).toBe(200);
    }
    expect(kind()).toBe('running');
  });
});
