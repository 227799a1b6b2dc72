import { open, readFile, stat } from 'node:fs/promises';
import { temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureDataDisk } from './data-disk.ts';
import { type InstancePaths, instancePaths, makeInstanceFolder } from './instance-paths.ts';
import { Snapshots } from './snapshots.ts';

const MIB = 2 ** 20;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let paths: InstancePaths;
beforeEach(async () => {
  folder = await temporaryFolder();
  const home = folder.path;
  paths = instancePaths({ home, cache: home, debian: home, machines: home, probes: home }, 'default');
  await makeInstanceFolder(paths);
});
afterEach(() => folder.remove());

async function write(text: string, at: number): Promise<void> {
  const handle = await open(paths.dataDisk, 'r+');
  await handle.write(text, at);
  await handle.close();
}

describe('Snapshots', () => {
  it('brings damaged data back, byte for byte, and leaves holes holes', async () => {
    await ensureDataDisk(paths.dataDisk, 64 * MIB);
    await write('precious', 32 * MIB);
    const before = await readFile(paths.dataDisk);
    const snapshots = new Snapshots(paths);
    const made = await snapshots.create('good');
    expect(made.usedBytes).toBeLessThan(MIB);
    await write('RUBBISH!', 32 * MIB);
    await write('rubbish', 0);
    await snapshots.restore('good');
    expect((await readFile(paths.dataDisk)).equals(before)).toBe(true);
    expect((await stat(paths.dataDisk)).mode & 0o777).toBe(0o600);
    expect((await snapshots.list()).map(({ name }) => name)).toEqual(['good']);
  });

  it('makes one of two that are asked for by the same name at once, and refuses the other', async () => {
    await ensureDataDisk(paths.dataDisk, MIB);
    const snapshots = new Snapshots(paths);
    const [one, other] = await Promise.allSettled([snapshots.create('x'), snapshots.create('x')]);
    expect(one).toMatchObject({ status: 'fulfilled', value: { name: 'x' } });
    expect(other).toMatchObject({ status: 'rejected', reason: { code: 'engine.snapshot-exists' } });
    await snapshots.remove('x');
    await snapshots.create('x');
  });

  it('refuses names that are taken, unknown or no names, and an engine without data', async () => {
    const snapshots = new Snapshots(paths);
    await expect(snapshots.create('x')).rejects.toMatchObject({ code: 'engine.no-data' });
    await ensureDataDisk(paths.dataDisk, MIB);
    await snapshots.create('x');
    await expect(snapshots.create('x')).rejects.toMatchObject({ code: 'engine.snapshot-exists' });
    await expect(snapshots.restore('y')).rejects.toMatchObject({ code: 'engine.unknown-snapshot' });
    await expect(snapshots.create('../x')).rejects.toMatchObject({ code: 'engine.bad-name' });
    await snapshots.remove('x');
    expect(await snapshots.list()).toEqual([]);
  });
});

describe('ensureDataDisk', () => {
  it('makes a sparse disk for the user alone, grows it, and never shrinks it', async () => {
    expect((await ensureDataDisk(paths.dataDisk, 8 * MIB)).change).toBe('made');
    expect((await stat(paths.dataDisk)).mode & 0o777).toBe(0o600);
    await write('kept', 4 * MIB);
    expect((await ensureDataDisk(paths.dataDisk, 8 * MIB)).change).toBe('kept');
    expect((await ensureDataDisk(paths.dataDisk, 16 * MIB)).change).toBe('grown');
    expect((await readFile(paths.dataDisk)).subarray(4 * MIB, 4 * MIB + 4).toString()).toBe('kept');
    await expect(ensureDataDisk(paths.dataDisk, 8 * MIB)).rejects.toMatchObject({
      code: 'engine.disk-shrink',
    });
  });
});
