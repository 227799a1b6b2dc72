import { execFile } from 'node:child_process';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MachineFolder } from '../machine-folder.ts';
import { writeState } from './saved-state.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('write-state');
});
afterEach(() => folder.remove());

/** Runs what QEMU is told to give its state to, with a zstd of these words, and says that all went well. */
async function save(zstd: string): Promise<void> {
  const bin = join(folder.path, 'zstd');
  await writeFile(bin, `#!/bin/sh\n${zstd}\n`);
  await chmod(bin, 0o755);
  const env = { ...process.env, PATH: `${folder.path}:${process.env['PATH'] ?? ''}` };
  const execute = async (command: string, args?: Readonly<Record<string, unknown>>) => {
    if (command === 'query-migrate') return { status: 'completed' };
    if (command !== 'migrate') return {};
    const program = String(args?.['uri']).slice('exec:'.length);
    execFile('/bin/sh', ['-c', program], { cwd: folder.path, env }).stdin?.end('the state');
    return {};
  };
  await writeState({ execute }, { folder: new MachineFolder(folder.path) });
}

describe('writeState', () => {
  it('waits for what zstd still writes when QEMU is done', async () => {
    await save('exec cat');
    expect(await readFile(join(folder.path, 'saved.zst'), 'utf8')).toBe('the state');
  });

  it('fails as soon as zstd does, and leaves nothing', async () => {
    await expect(save('cat >/dev/null; exit 1')).rejects.toMatchObject({
      code: 'vm.save-failed',
      hint: expect.stringContaining('full'),
    });
    expect(await readdir(folder.path)).toEqual(['zstd']);
  });
});
