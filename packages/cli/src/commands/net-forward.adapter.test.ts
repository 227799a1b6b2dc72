import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { orlopProgram } from '../program.ts';
import { contextIn } from '../testing/command-under-test.ts';

describe('orlop net forward check', () => {
  let folder: TemporaryFolder;
  const over = new AbortController();
  let network: Promise<unknown>;

  const orlop = (...words: readonly string[]) =>
    orlopProgram({
      ...contextIn(folder.path, over.signal),
      env: { ORLOP_HOME: folder.path },
    }).parseAsync(['net', ...words], { from: 'user' });

  beforeEach(async () => {
    folder = await temporaryFolder('net-forward');
    network = orlop('up', 'default').catch(() => undefined);
    await vi.waitUntil(() => existsSync(join(folder.path, 'networks', 'default', 'control.sock')), 20_000);
  });

  afterEach(async () => {
    over.abort();
    await network;
    await folder.remove();
  });

  it('ends with status 1 where nobody answers behind a forward, and with 0 where there is none', async () => {
    const before = process.exitCode;
    try {
      await orlop('forward', 'check');
      expect(process.exitCode).toBe(before);
      await orlop('forward', 'add', '0:192.168.127.77:80');
      await orlop('forward', 'check');
      expect(process.exitCode).toBe(1);
    } finally {
      process.exitCode = before;
    }
  });
});
