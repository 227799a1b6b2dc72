import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { OrlopError } from '@orlop/core';
import { type TemporaryFolder, temporaryFolder, tinyGuestDisk } from '@orlop/testkit';
import type { MachineSpec } from '@orlop/vm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CommandContext, createContext, statePaths } from '../context.ts';
import { Machines } from './run-machines.ts';
import { type StartRecordedOptions, startRecorded } from './run-start.ts';

vi.setConfig({ testTimeout: 30_000 });

let folder: TemporaryFolder;
let context: CommandContext;
let interrupt: AbortController;
let machines: Machines;
let said: string;

beforeEach(async () => {
  folder = await temporaryFolder('run');
  await writeFile(join(folder.path, 'tiny.img'), tinyGuestDisk());
  interrupt = new AbortController();
  said = '';
  const stdout = new PassThrough();
  stdout.on('data', (text: Buffer) => {
    said += text.toString();
  });
  context = {
    ...createContext(process, { signal: interrupt.signal }),
    stdin: new PassThrough(),
    stdout,
    stderr: new PassThrough(),
    paths: statePaths({ ORLOP_HOME: 'home' }, folder.path),
  };
  machines = new Machines(context);
});
afterEach(async () => {
  for (const { machine, state } of await machines.list()) if (state.kind === 'running') await machine.kill();
  await folder.remove();
});

async function run(options: Partial<StartRecordedOptions> = {}): Promise<void> {
  const spec: MachineSpec = {
    name: 'tiny',
    arch: 'amd64',
    cpus: 1,
    memoryMiB: 16,
    boot: { kind: 'disk', path: join(folder.path, 'tiny.img'), format: 'raw' },
    disks: [],
    cdroms: [],
    networks: [],
    channels: [],
    shares: [],
  };
  await startRecorded(spec, {
    context,
    machines,
    folder: await machines.place('tiny', undefined),
    record: { networking: 'none', publish: [], accel: ['tcg'] },
    detached: false,
    remove: false,
    ...options,
  });
}

const states = async () => (await machines.list()).map(({ state }) => state);

describe('startRecorded', () => {
  it('shows the console until the guest powers off', async () => {
    const end = run();
    await expect.poll(() => said, { timeout: 20_000 }).toContain('ready\n');
    (context.stdin as PassThrough).write('aq');
    await end;
    expect(said).toContain('ready\na');
    expect(await states()).toMatchObject([{ kind: 'stopped', reason: 'powered-off' }]);
  });

  it('powers the machine off when it is interrupted, and leaves nothing running', async () => {
    const end = run();
    await expect.poll(() => said, { timeout: 20_000 }).toContain('ready\n');
    const reason = new OrlopError('cli.interrupted', 'cancelled', 'stopped by SIGINT');
    interrupt.abort(reason);
    await expect(end).rejects.toBe(reason);
    expect(await states()).toMatchObject([{ kind: 'stopped', reason: 'powered-off' }]);
  });

  it('fails when the machine dies, and says that it did', async () => {
    const end = run();
    await expect.poll(() => said, { timeout: 20_000 }).toContain('ready\n');
    for (const state of await states())
      if (state.kind === 'running') process.kill(state.process.pid, 'SIGKILL');
    await expect(end).rejects.toMatchObject({ code: 'run.died', message: 'machine "tiny" died' });
  });

  it('leaves a detached machine running, whose name it prints', async () => {
    await run({ detached: true });
    expect(said).toBe('tiny\n');
    expect(await states()).toMatchObject([{ kind: 'running', accelerator: 'tcg' }]);
  });

  it('removes what the machine kept, when asked, also after a failed start', async () => {
    const record = { networking: 'none', publish: [], accel: ['tcg'] as const };
    const broken = new Machines(context, { qemu: '/bin/false' });
    await expect(run({ remove: true, record, machines: broken })).rejects.toMatchObject({
      code: 'vm.start-failed',
    });
    expect(await readdir(context.paths.machines)).toEqual([]);
  });

  it('leaves no machine in the list that was refused before it began, and no warning of one', async () => {
    const record = { networking: 'tap', publish: [], accel: ['tcg'] as const };
    await expect(run({ record })).rejects.toMatchObject({ code: 'run.bad-networking' });
    const warned: string[] = [];
    const logger = { ...context.logger, warn: (message: string) => void warned.push(message) };
    expect(await new Machines({ ...context, logger }).list()).toEqual([]);
    expect(warned).toEqual([]);
  });
});
