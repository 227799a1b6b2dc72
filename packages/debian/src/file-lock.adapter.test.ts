import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { OrlopError } from '@orlop/core';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withFileLock } from './file-lock.ts';

let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await temporaryFolder('file-lock');
});

afterAll(() => folder.remove());

describe('withFileLock', () => {
  it('lets one caller after the other work', async () => {
    const path = join(folder.path, 'turns');
    const seen: string[] = [];
    const turn = (name: string) =>
      withFileLock(path, undefined, async () => {
        seen.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(`${name} ends`);
      });
    await Promise.all([turn('a'), turn('b')]);
    const [first] = seen;
    expect(seen).toEqual(
      first === 'a begins'
        ? ['a begins', 'a ends', 'b begins', 'b ends']
        : ['b begins', 'b ends', 'a begins', 'a ends'],
    );
  });

  it('ends by the reason of the signal while another process has the lock', async () => {
    const path = join(folder.path, 'held');
    const other = spawn('flock', ['--exclusive', path, 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
    other.stdin.write('.');
    await once(other.stdout, 'data');
    const stop = new AbortController();
    const waiting = withFileLock(path, stop.signal, async () => 'worked');
    const reason = new OrlopError('cli.interrupted', 'cancelled', 'stopped by SIGINT');
    stop.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    other.stdin.end();
    await once(other, 'close');
  });

  it('says what flock says of a file that cannot be made', async () => {
    const work = withFileLock(join(folder.path, 'nowhere', 'lock'), undefined, async () => 'worked');
    await expect(work).rejects.toMatchObject({
      code: 'debian.tool-failed',
      message: expect.stringMatching(
        /^the lock .*nowhere\/lock cannot be taken: .*No such file or directory/,
      ),
    });
  });
});
