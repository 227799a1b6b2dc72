import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createLogger } from '@orlop/core';
import { Poller } from '@orlop/vnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundleCopyProgram, serveCopy } from '../testing/copy-process.ts';
import { SyncSession } from './sync-session.ts';
import { parseSync } from './sync-settings.ts';

let bundle = '';
let folder = '';
let host = '';
let machine = '';
let session: SyncSession;
let watch = new PassThrough();
let serving: ChildProcess | undefined;
const poller = new Poller(process.platform, process.arch);
const wait = { timeout: 60_000 };

beforeAll(async () => {
  bundle = join(await mkdtemp(join(tmpdir(), 'orlop-sync-program-')), 'copy.mjs');
  await bundleCopyProgram(bundle);
});
afterAll(() => rm(join(bundle, '..'), { recursive: true, force: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orlop-session-'));
  host = join(folder, 'host');
  machine = join(folder, 'copy', 'tree');
  await mkdir(host);
  await mkdir(join(folder, 'record'));
  const setting = parseSync(host, {});
  if (typeof setting === 'string') throw new Error(setting);
  session = new SyncSession({
    ...{ setting, poller, folder: join(folder, 'record') },
    clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
    logger: createLogger('error', () => undefined),
    open: async (what) => {
      if (what === 'watch') {
        watch = new PassThrough();
        watch.write('Setting up watches.\nWatches established.\n');
        return watch;
      }
      const { stream, child } = await serveCopy(bundle, join(folder, 'copy'));
      serving = child;
      return stream;
    },
  });
});
afterEach(async () => {
  await session.stop();
  serving?.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

const read = (root: string, path: string) => readFile(join(root, path), 'utf8').catch(() => undefined);
const flush = () => session.flush(AbortSignal.timeout(60_000));
const state = () => session.status().state;

describe('SyncSession', () => {
  it('carries what events tell of, from either side, while nobody asks', async () => {
    session.start();
    await flush();
    await writeFile(join(host, 'a'), 'host');
    await expect.poll(() => read(machine, 'a'), wait).toBe('host');
    await writeFile(join(machine, 'b'), 'machine');
    watch.write('/copy/tree/b\0');
    await expect.poll(() => read(host, 'b'), wait).toBe('machine');
    await expect
      .poll(() => session.status(), wait)
      .toMatchObject({ state: 'watching', hostEntries: 2, machineEntries: 2, problems: [] });
  });

  it('finds on its own what no event has told of, some time after the last one', async () => {
    session.start();
    await flush();
    await writeFile(join(machine, 'silent'), 'x');
    await writeFile(join(host, 'loud'), 'x');
    await expect.poll(() => read(host, 'silent'), { timeout: 40_000 }).toBe('x');
  });

  it('says that it is not in step as long as a file cannot be carried, and which', async () => {
    session.start();
    await flush();
    const inTheWay = join(folder, 'copy', 'stage', '0', 'full');
    await mkdir(inTheWay, { recursive: true });
    await writeFile(join(host, 'a'), 'host');
    await expect(flush()).rejects.toMatchObject({
      code: 'engine.sync-failed',
      message: expect.stringContaining('is not in step: a: file: EISDIR (on the machine)'),
    });
    expect(session.status()).toMatchObject({ state: 'watching', problems: [{ path: 'a' }] });
    await rm(inTheWay, { recursive: true });
    await flush();
    expect([await read(machine, 'a'), session.status().problems]).toEqual(['host', []]);
  });

  it('connects anew when the machine’s program has gone, with all that happened meanwhile', async () => {
    session.start();
    await flush();
    serving?.kill('SIGKILL');
    await writeFile(join(host, 'a'), 'host');
    await writeFile(join(machine, 'b'), 'machine');
    await expect.poll(() => read(machine, 'a'), wait).toBe('host');
    await expect.poll(() => read(host, 'b'), wait).toBe('machine');
  });

  it('carries nothing while it is paused, refuses to flush then, and goes on after', async () => {
    session.start();
    await flush();
    await session.pause();
    await expect.poll(state, wait).toBe('paused');
    await writeFile(join(host, 'a'), 'host');
    expect(() => flush()).toThrowError(expect.objectContaining({ code: 'engine.sync-failed' }));
    expect(await read(machine, 'a')).toBeUndefined();
    await session.resume();
    await expect.poll(() => read(machine, 'a'), wait).toBe('host');
  });

  it('halts when the folder is emptied, and empties the copy only when told that it was meant', async () => {
    await writeFile(join(host, 'a'), 'host');
    await writeFile(join(host, 'b'), 'host');
    session.start();
    await flush();
    await session.pause();
    await expect.poll(state, wait).toBe('paused');
    await rename(host, join(folder, 'away'));
    await mkdir(host);
    await session.resume();
    await expect.poll(state, wait).toBe('halted');
    expect(session.status().problem).toContain('is empty, and was not before');
    await session.resume({ acceptEmpty: true });
    await flush();
    expect([await read(machine, 'a'), await read(machine, 'b')]).toEqual([undefined, undefined]);
  });
});
