import { spawnSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { ownIdentity } from '@orlop/oci';
import { temporaryFolder } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { makeWorkFolder } from './work-folder.ts';

describe('makeWorkFolder', () => {
  it('removes what a process that was killed has left, and nothing of those that run or are elsewhere', async () => {
    const folder = await temporaryFolder('work-folder');
    const parent = join(folder.path, 'state');
    const { pid } = spawnSync('true');
    const left = `incoming-${pid}-1@${hostname()}.0123ab`;
    const kept = [
      `incoming-${await ownIdentity()}@${hostname()}.4567cd`,
      `incoming-${pid}-1@elsewhere.89ef01`,
      'x.deb',
    ];
    for (const name of [left, ...kept]) await mkdir(join(parent, name), { recursive: true });
    await writeFile(join(parent, left, 'half.deb'), 'half');
    const made = await makeWorkFolder(parent, 'kernel');
    expect((await readdir(parent)).sort()).toEqual([...kept, basename(made)].sort());
    await folder.remove();
  });
});
