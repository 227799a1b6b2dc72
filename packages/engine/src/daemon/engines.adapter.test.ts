import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { instancePaths } from '../instance/instance-paths.ts';
import { prepareImage, surroundingsIn } from '../testing/surroundings.ts';
import { Engines } from './engines.ts';

const NAMES = ['default', 'three', 'two'];

let folder: TemporaryFolder;
let around: ReturnType<typeof surroundingsIn>;
let engines: Engines;

beforeEach(async () => {
  folder = await temporaryFolder('engines');
  around = surroundingsIn(folder.path);
  await prepareImage(around);
  engines = new Engines(around, () => {});
});

afterEach(async () => {
  await engines.stopAll();
  await folder.remove();
});

const kinds = () => Object.fromEntries(engines.list().map(({ name, life }) => [name, life.state.kind]));

/** A request to one engine's Docker socket. */
function ask(name: string): Promise<number | undefined> {
  const socketPath = instancePaths(around.home, name).dockerSocket;
  return new Promise((answered, failed) => {
    const asked = request({ socketPath, path: '/version', agent: false }, (answer) => {
      answer.resume();
      answered(answer.statusCode);
    });
    asked.once('error', failed).end();
  });
}

describe('Engines', () => {
  it('rest each on its own, and a request brings back the one that it is for', async () => {
    await Promise.all(NAMES.map((name) => engines.get(name).life.start()));
    await engines.get('default').life.sleep();
    await Promise.all(['two', 'three'].map((name) => engines.get(name).life.suspend()));
    expect(kinds()).toEqual({ default: 'asleep', two: 'suspended', three: 'suspended' });
    expect(await ask('two')).toBe(200);
    expect(kinds()).toEqual({ default: 'asleep', two: 'running', three: 'suspended' });
    expect(await ask('default')).toBe(200);
    expect(kinds()).toEqual({ default: 'running', two: 'running', three: 'suspended' });
    expect(await ask('three')).toBe(200);
    expect(Object.values(kinds())).toEqual(['running', 'running', 'running']);
  });

  it('come back all at once, and are stopped all at once whatever each does', async () => {
    await Promise.all(NAMES.map((name) => engines.get(name).life.start()));
    await Promise.all(NAMES.map((name) => engines.get(name).life.suspend()));
    expect(await Promise.all(NAMES.map(ask))).toEqual([200, 200, 200]);
    await engines.get('default').life.sleep();
    const suspended = engines.get('two').life.suspend();
    await engines.stopAll();
    await suspended;
    expect(Object.values(kinds())).toEqual(['stopped', 'stopped', 'stopped']);
  });

  it('are found by the daemon that comes next: what runs is joined, what was suspended waits for requests', async () => {
    await engines.get('default').life.start();
    await engines.get('two').life.start();
    await engines.get('two').life.suspend();
    await engines.leaveAll();
    engines = new Engines(around, () => {});
    await engines.recover();
    await expect.poll(kinds).toEqual({ default: 'running', two: 'suspended' });
    expect([await ask('default'), await ask('two')]).toEqual([200, 200]);
    expect([...around.driver.machines.values()].map(({ starts }) => starts)).toEqual([1, 2]);
  });

  it('go on in the machines that they have when settings have changed since, and the next daemon tells which', async () => {
    await engines.get('default').life.start();
    await engines.get('two').life.start();
    await engines.get('two').life.suspend();
    const now = (await engines.get('default').status()).memoryMiB;
    const change = (text: string) =>
      writeFile(join(folder.path, 'config.yml'), `accelerator: tcg\ndisk: 1GiB\nmemory: 777MiB\n${text}`);
    await change('network: {subnet: 10.77.0.0/24}\n');
    await engines.leaveAll();
    engines = new Engines(around, () => {});
    await engines.recover();
    await expect.poll(kinds).toEqual({ default: 'running', two: 'suspended' });
    // Both are reached at the addresses that their machines have.
    expect([await ask('default'), await ask('two')]).toEqual([200, 200]);
    expect([...around.driver.machines.values()].map(({ starts }) => starts)).toEqual([1, 2]);
    for (const name of ['default', 'two'])
      expect(await engines.get(name).status()).toMatchObject({
        memoryMiB: now,
        pendingRestart: ['memory', 'network.subnet'],
      });
    await change('');
    await engines.get('two').life.stop();
    await engines.get('two').life.start();
    expect(await engines.get('two').status()).toMatchObject({ memoryMiB: 777, pendingRestart: [] });
  });

  it('are joined although their settings cannot be read any more', async () => {
    await engines.get('default').life.start();
    await engines.leaveAll();
    await writeFile(join(folder.path, 'config.yml'), 'memory: [\n');
    engines = new Engines(around, () => {});
    await engines.recover();
    await expect.poll(kinds).toEqual({ default: 'running' });
    expect(await ask('default')).toBe(200);
    const { settingsProblems } = await engines.get('default').status();
    expect(settingsProblems?.[0]).toContain('config.yml:');
  });

  it('have their sockets before they are joined, and requests wait for it', async () => {
    await engines.get('default').life.start();
    await engines.leaveAll();
    engines = new Engines(around, () => {});
    const hold = around.driver.hold('resume');
    await engines.recover();
    await hold.reached;
    const asked = ask('default');
    expect(kinds()).toEqual({ default: 'starting' });
    hold.release();
    expect([await asked, kinds()]).toEqual([200, { default: 'running' }]);
  });

  it('are found beside what is no engine: files, and folders of other names', async () => {
    await mkdir(instancePaths(around.home, 'two').folder, { recursive: true });
    await mkdir(join(folder.path, 'engine', 'Copy of two'));
    await writeFile(join(folder.path, 'engine', 'notes'), '');
    await engines.recover();
    expect(engines.list().map(({ name }) => name)).toEqual(['two']);
  });

  it('tell of themselves with settings that cannot be read, with the place, and go on', async () => {
    await engines.get('two').life.start();
    const { folder: of, instanceSettings } = instancePaths(around.home, 'two');
    await mkdir(of, { recursive: true });
    await writeFile(instanceSettings, 'cpus: 1\nmemory: [\n');
    const status = await engines.get('two').status();
    expect(status.state.kind).toBe('running');
    expect(status.settingsProblems?.[0]).toContain(`${instanceSettings}:`);
    expect((await engines.get('three').status()).settingsProblems).toBeUndefined();
    await engines.get('two').life.stop();
    await expect(engines.get('two').life.start()).rejects.toMatchObject({ code: 'engine.bad-setting' });
  });

  it('are stopped each for itself: one whose machine does not end goes on, and none is left halfway for it', async () => {
    await Promise.all(NAMES.map((name) => engines.get(name).life.start()));
    const stuck = around.driver.machines.get(instancePaths(around.home, 'default').machine);
    if (stuck === undefined) throw new Error('it has no machine');
    const failure = vi.spyOn(stuck, 'stop').mockRejectedValueOnce(new Error('QEMU stays'));
    const hold = around.driver.hold('powerDown');
    const order: string[] = [];
    const all = engines.stopAll().catch((error: Error) => order.push(error.message));
    await hold.reached;
    await vi.waitUntil(() => failure.mock.calls.length > 0);
    await new Promise(setImmediate);
    order.push('released');
    hold.release();
    await all;
    expect(order).toEqual(['released', 'QEMU stays']);
    expect(kinds()).toEqual({ default: 'running', three: 'stopped', two: 'stopped' });
  });

  it('start nothing where the path of a socket would be cut off', async () => {
    const name = 'a'.repeat(31);
    const home = join(folder.path, 'x'.repeat(Math.max(1, 60 - folder.path.length)));
    await mkdir(home);
    around = surroundingsIn(home);
    await prepareImage(around);
    engines = new Engines(around, () => {});
    await expect(engines.get(name).life.start()).rejects.toMatchObject({ code: 'engine.long-path' });
    expect(around.driver.machines.size).toBe(0);
    await engines.get('default').life.start(); // a shorter name has one
    expect(await ask('default')).toBe(200);
  });
});
