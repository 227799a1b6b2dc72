import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineUnderTest, hasQemu, run } from './engine-under-test.ts';

const isWanted = hasQemu && process.env['ORLOP_LONG'] === '1';
const NAMES = ['default', 'two', 'three'];
const BUSYBOX = 'orlop/busybox';
const MIB = 2 ** 20;

const engine = new EngineUnderTest();
const { orlop } = engine;

/** Docker's client, to one of the engines. */
const docker = async (name: string, ...words: readonly string[]) => {
  const env = { ...engine.env, DOCKER_HOST: `unix://${engine.home}/engine/${name}/docker.sock` };
  return (await run('docker', words, { env, timeout: 300_000 })).stdout.trim();
};

interface Row {
  readonly name: string;
  readonly pid?: number;
  readonly state: { readonly kind: string };
  readonly usage?: { readonly machineRssBytes?: number; readonly savedBytes: number };
}

const rows = async (): Promise<readonly Row[]> => JSON.parse(await orlop('status', '--json'));
const kinds = async () => Object.fromEntries((await rows()).map(({ name, state }) => [name, state.kind]));
const startedAt = (name: string) => docker(name, 'inspect', '-f', '{{.State.StartedAt}}', 'stays');

/** What the kernel says that a process has in memory. */
const residentBytes = (pid: number) =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

beforeAll(async () => {
  if (!isWanted) return;
  await engine.prepare({ disk: '2GiB', memory: '512MiB' });
  for (const name of NAMES) await orlop('up', name, '--quiet');
  await engine.load('pkg/busybox');
  const archive = join(engine.home, 'busybox.tar');
  await docker('default', 'save', '-o', archive, BUSYBOX);
  for (const name of NAMES.slice(1)) await docker(name, 'load', '-q', '-i', archive);
  for (const name of NAMES)
    await docker(
      name,
      'run',
      '-d',
      '--name',
      'stays',
      '--hostname',
      `in-${name}`,
      BUSYBOX,
      'sleep',
      '1000000',
    );
});

afterAll(() => engine.stop());

describe.skipIf(!isWanted)('three engines of one daemon (ORLOP_LONG=1)', { timeout: 900_000 }, () => {
  it('rest each on its own, and the first request brings back the one that it is for', async () => {
    const before = await Promise.all(NAMES.map(startedAt));
    await orlop('sleep', 'default');
    await Promise.all([orlop('suspend', 'two'), orlop('suspend', 'three')]);
    expect(await kinds()).toEqual({ default: 'asleep', two: 'suspended', three: 'suspended' });
    expect(await docker('two', 'exec', 'stays', 'hostname')).toBe('in-two');
    expect(await kinds()).toEqual({ default: 'asleep', two: 'running', three: 'suspended' });
    expect(await docker('default', 'exec', 'stays', 'hostname')).toBe('in-default');
    expect(await kinds()).toEqual({ default: 'running', two: 'running', three: 'suspended' });
    expect(await docker('three', 'exec', 'stays', 'hostname')).toBe('in-three');
    expect(await kinds()).toEqual({ default: 'running', two: 'running', three: 'running' });
    expect(await Promise.all(NAMES.map(startedAt))).toEqual(before);
  });

  it('come back all at once, each with its own containers', async () => {
    const before = await Promise.all(NAMES.map(startedAt));
    await Promise.all(NAMES.map((name) => orlop('suspend', name)));
    expect(Object.values(await kinds())).toEqual(['suspended', 'suspended', 'suspended']);
    const said = await Promise.all(NAMES.map((name) => docker(name, 'exec', 'stays', 'hostname')));
    expect(said).toEqual(NAMES.map((name) => `in-${name}`));
    expect(await Promise.all(NAMES.map(startedAt))).toEqual(before);
  });

  it('take of the host what `status` says: a suspended one nothing but its file', async () => {
    await orlop('suspend', 'two');
    const usage = async (name: string) => JSON.parse(await orlop('status', name, '--json'))[0] as Row;
    for (const name of ['default', 'three']) {
      const { pid = 0, usage: said } = await usage(name);
      const [told = 0, real] = [said?.machineRssBytes, residentBytes(pid)];
      expect(Math.abs(told - real)).toBeLessThan(100 * MIB);
    }
    const two = await usage('two');
    expect([two.pid, two.usage?.machineRssBytes]).toEqual([undefined, undefined]);
    expect(two.usage?.savedBytes).toBeGreaterThan(10 * MIB);
  });

  it('are each found as they were by a daemon that comes after one that was killed', async () => {
    const before = await Promise.all(NAMES.map(startedAt));
    await orlop('sleep', 'default');
    await orlop('suspend', 'three');
    process.kill(await engine.daemonPid(), 'SIGKILL');
    // The new daemon takes up what runs before it answers for it.
    await expect
      .poll(kinds)
      .toEqual({ default: expect.stringMatching(/asleep|running/), two: 'running', three: 'suspended' });
    const said = await Promise.all(NAMES.map((name) => docker(name, 'exec', 'stays', 'hostname')));
    expect(said).toEqual(NAMES.map((name) => `in-${name}`));
    expect(await Promise.all(NAMES.map(startedAt))).toEqual(before);
  });
});
