import { mkdir, open, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NEW_LOG, rotateLog, rotateLogs } from './log-files.ts';

let folder: TemporaryFolder;
let path: string;
beforeEach(async () => {
  folder = await temporaryFolder('log');
  path = join(folder.path, 'log');
});
afterEach(() => folder.remove());

describe('rotateLog', () => {
  it('empties a log that has grown too long, keeping no more than its end beside it', async () => {
    await writeFile(path, '12345');
    expect(await rotateLog(path, 5)).toBe(false);
    expect(await rotateLog(path, 3)).toBe(true);
    expect(await readFile(path, 'utf8')).toBe('');
    expect(await readFile(`${path}.1`, 'utf8')).toBe('345');
    expect(await rotateLog(join(folder.path, 'none'))).toBe(false);
  });

  it('empties a log where its end cannot be kept', async () => {
    await writeFile(path, '12345');
    await symlink('/dev/full', `${path}.1`);
    expect(await rotateLog(path, 3)).toBe(true);
    expect(await readFile(path, 'utf8')).toBe('');
  });

  it('leaves a writer of NEW_LOG at the end of what is there then', async () => {
    const log = await open(path, NEW_LOG, 0o600);
    await log.write('12345');
    await rotateLog(path, 3);
    await log.write('67');
    await log.close();
    expect(await readFile(path, 'utf8')).toBe('67');
  });
});

describe('rotateLogs', () => {
  it('looks at the logs of every machine, and at those that are named', async () => {
    const machines = join(folder.path, 'machines');
    const long = [path, join(machines, 'a', 'console.log'), join(machines, 'b', 'share0.log')];
    for (const name of ['a', 'b']) await mkdir(join(machines, name), { recursive: true });
    for (const log of long) {
      await writeFile(log, 'begins\n');
      await truncate(log, 17 << 20);
    }
    await rotateLogs({ machines, logs: [path] });
    for (const log of long) expect(await readFile(log, 'utf8'), log).toBe('');
  });
});
