import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { collect, EngineUnderTest, endOf, hasQemu, program, run } from './engine-under-test.ts';

const isWanted = hasQemu && process.env['ORLOP_LONG'] === '1';
const BUSYBOX = 'orlop/busybox';
const TURNS = 60;

const engine = new EngineUnderTest();
const { orlop, docker } = engine;

beforeAll(async () => {
  if (!isWanted) return;
  await engine.prepare();
  await orlop('up');
  await engine.load('pkg/busybox');
  await docker('run', '-d', '--name', 'stays', '--restart', 'always', BUSYBOX, 'sleep', '1000000');
});

afterAll(() => engine.stop());

const state = async () => (await engine.status()).state;
const until = (kind: string) =>
  expect.poll(async () => (await state()).kind, { timeout: 240_000, interval: 100 }).toBe(kind);

/** A command that runs beside others, as in a terminal of its own. */
function command(...words: readonly string[]) {
  const child = spawn(process.execPath, [program, ...words], { env: engine.env, stdio: 'pipe' });
  child.stdin.end();
  const said = { out: collect(child.stdout), err: collect(child.stderr) };
  return { child, said, status: endOf(child) };
}

const pressCtrlC = (child: ChildProcess) => child.kill('SIGINT');

/** Its standard error has this in it. */
const hears = ({ said }: ReturnType<typeof command>, text: string) =>
  expect.poll(() => said.err.text, { timeout: 120_000, interval: 20 }).toContain(text);

/** Whatever was before: the engine runs, and has its container. */
async function expectWhole(): Promise<void> {
  await orlop('up', '--quiet');
  const names = () => docker('ps', '--format', '{{.Names}}').catch(String);
  await expect.poll(names, { timeout: 120_000, interval: 500 }).toBe('stays\n');
}

describe.skipIf(!isWanted)('commands that meet (ORLOP_LONG=1)', { timeout: 900_000 }, () => {
  beforeEach(expectWhole, 900_000);

  it('two `up` share one start and one daemon', async () => {
    await orlop('down', '--all');
    const both = [command('up'), command('up')];
    expect(await Promise.all(both.map(({ status }) => status))).toEqual([0, 0]);
    for (const { said } of both) expect(said.out.text).toContain('export DOCKER_HOST=unix://');
    expect((await state()).kind).toBe('running');
  });

  it('`up` waits for a `down` under way, and starts the engine then', async () => {
    const down = command('down');
    await until('stopping');
    const up = command('up', '--quiet');
    expect([await down.status, await up.status]).toEqual([0, 0]);
    expect((await state()).kind).toBe('running');
  });

  it('`up` that is interrupted while a `down` is under way starts nothing', async () => {
    const down = command('down');
    await until('stopping');
    const up = command('up');
    await hears(up, 'waits until the engine "default" has stopped');
    pressCtrlC(up.child);
    expect(await up.status).toBe(130);
    expect(await down.status).toBe(0);
    expect(await state()).toMatchObject({ kind: 'stopped', reason: 'asked' });
  });

  it('`up` that is interrupted gives its start up, and says so', async () => {
    await orlop('down');
    const up = command('up');
    await hears(up, 'machine ');
    pressCtrlC(up.child);
    expect(await up.status).toBe(130);
    expect(up.said.err.text).toContain('the start was given up');
    expect(await state()).toMatchObject({ kind: 'stopped', reason: 'cancelled' });
  });

  it('one of two `up` that is interrupted leaves the start to the other', async () => {
    await orlop('down');
    const [one, other] = [command('up'), command('up')];
    await Promise.all([one, other].map((up) => hears(up, 'machine ')));
    pressCtrlC(one.child);
    expect(await one.status).toBe(130);
    expect(one.said.err.text).toContain('the engine "default" goes on starting');
    expect(await other.status).toBe(0);
    expect((await state()).kind).toBe('running');
  });

  it('`up` that is interrupted leaves an engine that runs as it is', async () => {
    const before = (await engine.status()).pid;
    const up = command('up');
    setImmediate(() => pressCtrlC(up.child));
    await up.status;
    expect((await engine.status()).pid).toBe(before);
  });

  it('`down` gives up a start under way, and both say so', async () => {
    await orlop('down');
    const up = command('up');
    await hears(up, 'machine ');
    expect(await command('down').status).toBe(0);
    expect(await up.status).toBe(130);
    expect(up.said.err.text).toContain('the start was given up');
    expect((await state()).kind).toBe('stopped');
  });

  it('`down` that is interrupted says that the engine is stopped nevertheless', async () => {
    const down = command('down');
    await until('stopping');
    pressCtrlC(down.child);
    expect(await down.status).toBe(130);
    expect(down.said.err.text).toContain('the engine "default" is stopped nevertheless');
    await until('stopped');
    expect(await state()).toMatchObject({ reason: 'asked' });
  });

  it('`suspend` while a `down` is under way fails, for there is nothing to suspend', async () => {
    const down = command('down');
    await until('stopping');
    const suspend = command('suspend');
    expect([await down.status, await suspend.status]).toEqual([0, 4]);
    expect(suspend.said.err.text).toContain('the engine "default" is stopped');
  });

  it('`down` while a `suspend` is under way leaves what was saved to the next `up`', async () => {
    const suspend = command('suspend');
    await until('stopping');
    const down = command('down');
    expect([await suspend.status, await down.status]).toEqual([0, 0]);
    expect(await state()).toMatchObject({ kind: 'stopped', reason: 'saved' });
  });

  it('`suspend` ends a build, says so, and the build succeeds the next time', async () => {
    const folder = join(engine.home, 'build');
    await mkdir(folder);
    await writeFile(join(folder, 'Dockerfile'), `FROM ${BUSYBOX}\nRUN sleep 15; echo made >/made\n`);
    const words = ['build', '--no-cache', '--progress', 'plain', '-t', 'made', folder];
    const build = engine.spawn(...words);
    const heard = collect(build.stderr);
    build.stdout.resume();
    await expect.poll(() => heard.text, { timeout: 120_000 }).toContain('RUN sleep 15');
    const suspend = command('suspend');
    expect(await suspend.status).toBe(0);
    expect(suspend.said.err.text).toMatch(/connections of Docker clients were ended: \d/);
    expect(await endOf(build)).not.toBe(0);
    await docker(...words);
    expect(await docker('run', '--rm', 'made', 'cat', '/made')).toBe('made\n');
  });

  it('`suspend` that is interrupted says that the engine is suspended nevertheless', async () => {
    const suspend = command('suspend');
    await until('stopping');
    pressCtrlC(suspend.child);
    expect(await suspend.status).toBe(130);
    expect(suspend.said.err.text).toContain('is suspended nevertheless');
    await until('suspended');
  });

  it('`up` waits for the end of a daemon that `down --all` ends, and starts another', async () => {
    const before = await engine.daemonPid();
    const down = command('down', '--all');
    await until('stopping');
    const up = command('up', '--quiet');
    expect([await down.status, await up.status]).toEqual([0, 0]);
    expect(await engine.daemonPid()).not.toBe(before);
    expect((await state()).kind).toBe('running');
  });

  it('`reset` gives up a start, and an `up` that meets it starts an engine that is whole', async () => {
    await orlop('down');
    const first = command('up');
    await hears(first, 'machine ');
    const reset = command('reset', '--keep-data');
    const second = command('up', '--quiet');
    expect([await first.status, await reset.status]).toEqual([130, 0]);
    // It was asked for before the reset, and given up with it, or after, and waited.
    expect([0, 130]).toContain(await second.status);
  });

  it(`\`sleep\` and requests that meet ${TURNS} times leave no request unanswered`, async () => {
    const client = engine.spawn('version');
    client.stdout.resume();
    client.stderr.resume();
    await endOf(client);
    for (let turn = 0; turn < TURNS; turn++) {
      const sleep = askDaemon('/v1/engines/default/sleep');
      // From before the pause to after it.
      for (let step = 0; step < turn % 12; step++) await new Promise((next) => setImmediate(next));
      expect(await docker('ps', '--format', '{{.Names}}')).toBe('stays\n');
      expect(await sleep).toBe(200);
    }
  });

  it('`up` and `reset` write and remove the context where their own environment says, whatever the daemon was told', async () => {
    const folder = join(engine.home, 'other-configuration');
    const own = (...words: readonly string[]) =>
      run(process.execPath, [program, ...words], { env: { ...engine.env, DOCKER_CONFIG: folder } });
    const contexts = () =>
      run('docker', ['context', 'ls', '--format', '{{.Name}}'], {
        env: { ...engine.env, DOCKER_CONFIG: folder },
      });
    await own('up', '--quiet');
    expect((await contexts()).stdout).toBe('default\norlop\n');
    await own('reset', '--keep-data');
    expect((await contexts()).stdout).toBe('default\n');
  });

  it('an engine that was killed a moment ago is not taken for one that runs', async () => {
    process.kill((await engine.status()).pid, 'SIGKILL');
    await orlop('up', '--quiet');
    await docker('version');
  });
});

async function askDaemon(path: string): Promise<number | undefined> {
  const { request } = await import('node:http');
  const socketPath = join(engine.home, 'daemon', 'api.sock');
  return new Promise((answered, failed) => {
    const asked = request({ socketPath, path, method: 'POST', agent: false }, (answer) => {
      answer.resume();
      answered(answer.statusCode);
    });
    asked.on('error', failed).end();
  });
}
