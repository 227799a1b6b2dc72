import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contextIn } from '../testing/command-under-test.ts';
import { Machines } from './run-machines.ts';

const OF_A_MACHINE = [
  ...['spec.json', 'state.json', 'identity.json', 'launch.json', 'run.json', 'driver.log', 'data.iso'],
  ...[
    'console.log',
    'console.log.1',
    'spec.json.0123-4567.tmp',
    'disk0.img',
    'share0.log',
    'share1-0123ab.sock',
  ],
];

describe('Machines.remove', () => {
  let folder: TemporaryFolder;
  let machines: Machines;
  beforeEach(async () => {
    folder = await temporaryFolder('machines');
    machines = new Machines(contextIn(folder.path));
  });
  afterEach(() => folder.remove());

  const place = async (name: string, state: string | undefined, more: readonly string[] = []) => {
    const path = await machines.place(name, state);
    for (const file of [...OF_A_MACHINE, ...more]) await writeFile(join(path, file), '');
    return path;
  };

  it('leaves what is not of the machine in a folder that --state named', async () => {
    const state = join(folder.path, 'work');
    await mkdir(join(state, 'thesis'), { recursive: true });
    await place('mine', state, ['letter.txt', 'disk.img']);
    await machines.remove('mine');
    expect((await readdir(state)).sort()).toEqual(['disk.img', 'letter.txt', 'thesis']);
    expect(await machines.names()).toEqual([]);
  });

  it('takes the folder away where nothing else is in it, and the machine’s own in any case', async () => {
    const state = await place('mine', join(folder.path, 'mine-state'));
    const own = await place('own', undefined, ['core']);
    await machines.remove('mine');
    await machines.remove('own');
    expect([existsSync(state), existsSync(own)]).toEqual([false, false]);
  });
});
