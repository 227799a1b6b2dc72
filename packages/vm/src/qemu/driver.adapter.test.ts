import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { silentLogger } from '@orlop/core';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { machineFiles } from '../machine-folder.ts';
import { findProcess, identifyProcess } from '../process-identity.ts';
import { createFixture, type Fixture, readUntil } from '../testing/fixture.ts';

// Each takes a second at most; a guest that does not speak shall not hold up the suite.
vi.setConfig({ testTimeout: 30_000 });

let fixture: Fixture;
beforeEach(async () => {
  fixture = await createFixture();
});
afterEach(() => fixture.end());

const start = (folder: string, paused = true) =>
  fixture.driver.start(fixture.spec, { folder, accelerator: 'tcg', paused });

/** Starts the tiny guest and waits until it is ready. */
async function startReady(name: string) {
  const machine = await start(fixture.folder(name));
  const console = await machine.console.open();
  const ready = readUntil(console, 'ready\n');
  await machine.resume();
  await ready;
  return { machine, console };
}

describe('QemuDriver.start', () => {
  it('runs a guest whose console can be read, written, and found in the log', async () => {
    const { machine, console } = await startReady('a');
    const echo = readUntil(console, 'abc');
    console.write('abc');
    await echo;
    await expect.poll(() => readFile(machine.console.logPath, 'latin1')).toMatch(/ready\nabc$/);
    expect((await stat(machine.folder)).mode & 0o777).toBe(0o700);
    expect((await stat(machine.console.logPath)).mode & 0o777).toBe(0o600);
  });

  it.each([
    { when: 'while QEMU was being waited for', isNoted: true },
    { when: 'before QEMU was noted', isNoted: false },
  ])('ends what a start has left whose program was killed $when', async ({ isNoted }) => {
    const folder = fixture.folder('left');
    const state = await (await start(folder)).state();
    if (state.kind !== 'running') throw new Error(`it is ${state.kind}`);
    const { at, process: left } = state;
    const noted = { kind: 'starting', at, ...(isNoted && { process: left }) };
    await writeFile(join(folder, machineFiles.state), JSON.stringify(noted));
    const again = await (await start(folder)).state();
    expect(again).toMatchObject({ kind: 'running' });
    expect(await findProcess(left)).toBe('gone');
  });

  it('works in a folder whose path is longer than a socket address', async () => {
    const folder = fixture.folder(`${'deep-'.repeat(20)}/${'deeper-'.repeat(10)}`);
    const machine = await start(folder);
    expect(await machine.state()).toMatchObject({ kind: 'running', accelerator: 'tcg' });
    (await machine.console.open()).destroy();
  });

  it('refuses to start a machine that runs, and starts it again when stopped, with the same addresses', async () => {
    const folder = fixture.folder('twice');
    const machine = await start(folder);
    const identity = await readFile(join(folder, machineFiles.identity), 'utf8');
    await expect(start(folder)).rejects.toMatchObject({ code: 'vm.running' });
    await machine.kill();
    await start(folder);
    expect(await readFile(join(folder, machineFiles.identity), 'utf8')).toBe(identity);
  });

  it('lets one of two starts at the same moment win', async () => {
    const folder = fixture.folder('race');
    const outcomes = await Promise.allSettled([start(folder), start(folder)]);
    expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find((outcome) => outcome.status === 'rejected')).toMatchObject({
      reason: { code: 'vm.running' },
    });
  });

  it("fails with QEMU's own words, and leaves a stopped machine", async () => {
    const folder = fixture.folder('bad');
    const spec = { ...fixture.spec, passthrough: { usb: false, devices: ['no-such-device'] } };
    await expect(fixture.driver.start(spec, { folder, accelerator: 'tcg' })).rejects.toMatchObject({
      code: 'vm.start-failed',
      message: expect.stringContaining("'no-such-device' is not a valid device model name"),
    });
    const machine = await fixture.driver.open(folder);
    expect(await machine.state()).toMatchObject({ kind: 'stopped', reason: 'start-failed' });
  });

  it('names a published port that is taken', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const hostPort = typeof address === 'object' && address !== null ? address.port : 0;
    const spec = {
      ...fixture.spec,
      networks: [
        {
          kind: 'user' as const,
          publish: [{ protocol: 'tcp' as const, hostAddress: '127.0.0.1', hostPort, guestPort: 80 }],
        },
      ],
    };
    try {
      await expect(
        fixture.driver.start(spec, { folder: fixture.folder('port'), accelerator: 'tcg' }),
      ).rejects.toMatchObject({ code: 'vm.port-busy', message: expect.stringContaining(String(hostPort)) });
    } finally {
      server.close();
    }
  });

  it('says of a disk that is named twice what may be the matter', async () => {
    const disk = { path: join(fixture.root.path, 'twice.img'), format: 'raw' as const, sizeBytes: 1 << 20 };
    const spec = { ...fixture.spec, disks: [disk, disk] };
    await expect(
      fixture.driver.start(spec, { folder: fixture.folder('twice'), accelerator: 'tcg', paused: true }),
    ).rejects.toMatchObject({ code: 'vm.start-failed', hint: expect.stringContaining('named twice') });
  });

  it('makes the disks that are missing, whole, with qemu-img', async () => {
    const path = join(fixture.root.path, 'disks', 'd,1.qcow2');
    const spec = { ...fixture.spec, disks: [{ path, format: 'qcow2' as const, sizeBytes: 1 << 20 }] };
    await fixture.driver.start(spec, { folder: fixture.folder('disk'), accelerator: 'tcg', paused: true });
    expect((await readFile(path)).subarray(0, 4)).toEqual(Buffer.from('QFI\xfb', 'latin1'));
  });

  it('leaves no process when it is stopped on the way', async () => {
    const folder = fixture.folder('aborted');
    const stopped = AbortSignal.abort();
    await expect(
      fixture.driver.start(fixture.spec, { folder, accelerator: 'tcg', signal: stopped }),
    ).rejects.toBeDefined();
    expect(await (await fixture.driver.open(folder)).state()).toMatchObject({ reason: 'start-failed' });
    await expect(stat(join(folder, machineFiles.pid))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('Machine', () => {
  it('is powered off by the power button, which the guest hears', async () => {
    const { machine, console } = await startReady('button');
    const bye = readUntil(console, 'bye\n');
    const stopped = machine.stop({ graceMs: 20_000 });
    await bye;
    expect(await stopped).toMatchObject({ kind: 'stopped', reason: 'powered-off' });
  });

  it('is powered off by the button though its guest did not listen yet when it was pressed first', async () => {
    const folder = fixture.folder('early');
    const machine = await fixture.driver.start(fixture.spec, { folder, accelerator: 'tcg', paused: true });
    const stopped = machine.stop({ graceMs: 20_000 });
    await machine.resume();
    expect(await stopped).toMatchObject({ kind: 'stopped', reason: 'powered-off' });
  });

  it('warns of no button that could not be pressed when the guest had powered off just before', async () => {
    const { machine, console } = await startReady('race');
    const warn = vi.spyOn(silentLogger, 'warn');
    const press = machine.powerDown.bind(machine);
    vi.spyOn(machine, 'powerDown').mockImplementation(async () => {
      console.write('q');
      await machine.waitForExit();
      await press();
    });
    expect(await machine.stop({ graceMs: 20_000 })).toMatchObject({ reason: 'powered-off' });
    expect(warn).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  it('is killed when its guest does not hear the power button', async () => {
    const { machine, console } = await startReady('deaf');
    const heard = readUntil(console, 'h');
    console.write('h');
    await heard;
    expect(await machine.stop({ graceMs: 1 })).toMatchObject({ kind: 'stopped', reason: 'killed' });
  });

  it('ends when its guest powers off, and says so to whoever waits', async () => {
    const { machine, console } = await startReady('off');
    const other = await fixture.driver.open(machine.folder);
    const ends = Promise.all([machine.waitForExit(), other.waitForExit()]);
    console.write('q');
    for (const end of await ends) expect(end).toMatchObject({ reason: 'powered-off' });
  });

  it('is found dead after kill -9, by another than who started it', async () => {
    const { machine } = await startReady('dead');
    const state = await machine.state();
    if (state.kind !== 'running') throw new Error('does not run');
    process.kill(state.process.pid, 'SIGKILL');
    const other = await fixture.driver.open(machine.folder);
    expect(await other.waitForExit()).toMatchObject({ kind: 'stopped', reason: 'died' });
  });

  it('is never taken for another process that got its number', async () => {
    const { machine } = await startReady('reused');
    const state = await machine.state();
    if (state.kind !== 'running') throw new Error('does not run');
    await machine.kill();
    // The machine's number now belongs to this test's own process, as it seems.
    const impostor = { ...state, process: { ...state.process, pid: process.pid } };
    await writeFile(join(machine.folder, machineFiles.state), JSON.stringify(impostor));
    expect(await machine.kill()).toMatchObject({ kind: 'stopped' });
    const own = await identifyProcess(process.pid);
    expect(own && (await findProcess(own))).toBe('present');
  });

  it('knows a machine of before the host restarted', async () => {
    const machine = await start(fixture.folder('reboot'));
    const state = await machine.state();
    if (state.kind !== 'running') throw new Error('does not run');
    await machine.kill();
    const earlier = { ...state, process: { ...state.process, bootId: 'another' } };
    await writeFile(join(machine.folder, machineFiles.state), JSON.stringify(earlier));
    expect(await machine.state()).toMatchObject({ kind: 'stopped', reason: 'host-restarted' });
  });

  it('gives its console to one holder at a time', async () => {
    const { machine, console } = await startReady('console');
    await expect(machine.console.open()).rejects.toMatchObject({ code: 'vm.console-busy' });
    const closed = new Promise((resolve) => console.once('close', resolve));
    console.destroy();
    await closed;
    await expect
      .poll(() => machine.console.open().then((again) => again.destroy()), { timeout: 5000 })
      .toBeDefined();
  });
});

describe('a machine bound to the process that started it', () => {
  /** Starts the tiny guest in a process of its own, and kills that. Returns QEMU's process. */
  async function startAndKill(folder: string, word: string): Promise<number> {
    const program = join(fixture.root.path, 'bound-start.mjs');
    await build({
      ...{ bundle: true, format: 'esm', platform: 'node', logLevel: 'error', outfile: program },
      entryPoints: [join(import.meta.dirname, '../testing/bound-start.ts')],
    });
    const disk = fixture.spec.boot.kind === 'disk' ? fixture.spec.boot.path : '';
    const starter: ChildProcess = spawn(process.execPath, [program, folder, disk, word], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [line] = await once(starter.stdout as NodeJS.ReadableStream, 'data');
    const closed = once(starter, 'close');
    starter.kill('SIGKILL');
    await closed;
    return Number(String(line));
  }

  it('ends with it, even by SIGKILL', async () => {
    const folder = fixture.folder('bound');
    expect(await startAndKill(folder, 'bound')).toBeGreaterThan(0);
    const machine = await fixture.driver.open(folder);
    await expect
      .poll(() => machine.state(), { timeout: 10_000 })
      .toMatchObject({ kind: 'stopped', reason: 'killed' });
  });

  it('goes on without it once it is released', async () => {
    const folder = fixture.folder('released');
    const pid = await startAndKill(folder, 'released');
    const machine = await fixture.driver.open(folder);
    // The watcher has ended; had it not been told to, QEMU would go within its first second.
    await expect.poll(() => watchersOf(pid), { timeout: 10_000 }).toEqual([]);
    expect(await machine.state()).toMatchObject({ kind: 'running', process: { pid } });
  });

  async function watchersOf(pid: number): Promise<string[]> {
    const lines = await Promise.all(
      (await readdir('/proc'))
        .filter((name) => /^\d+$/.test(name))
        .map((name) => readFile(`/proc/${name}/cmdline`, 'latin1').catch(() => '')),
    );
    return lines.filter((line) => line.startsWith('/bin/sh\0-c\0') && line.endsWith(`\0${pid}\0`));
  }
});
