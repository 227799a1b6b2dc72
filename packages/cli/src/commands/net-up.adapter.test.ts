import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { orlopProgram } from '../program.ts';
import { contextIn } from '../testing/command-under-test.ts';

describe('orlop net up', () => {
  let folder: TemporaryFolder;

  beforeEach(async () => {
    folder = await temporaryFolder('net-up');
  });

  afterEach(() => folder.remove());

  const up = (...words: readonly string[]) => {
    const context = {
      ...contextIn(folder.path, new AbortController().signal),
      env: { ORLOP_HOME: folder.path },
    };
    return orlopProgram(context).parseAsync(['net', 'up', 'lab', ...words], { from: 'user' });
  };

  it.each(['', 'qemu:', 'vpnkit:', 'bess:', 'vfkit:'])(
    'says that the folder of %sPATH is not there, and leaves no socket behind',
    async (kind) => {
      const place = `${kind}${join(folder.path, 'nowhere', 'a.sock')}`;
      await expect(up('--listen', place)).rejects.toMatchObject({
        code: 'vnet.folder-missing',
        kind: 'not-found',
        message: expect.stringContaining('nowhere/a.sock: its folder is not there'),
      });
      const home = join(folder.path, 'networks', 'lab');
      expect(existsSync(home) ? readdirSync(home) : []).toEqual([]);
    },
  );

  it('ends when its one guest does, who came by standard input and output', async () => {
    const context = { ...contextIn(folder.path), stdin: new PassThrough() };
    const ended = orlopProgram(context).parseAsync(['net', 'up', 'lab', '--listen', 'stdio'], {
      from: 'user',
    });
    context.stdout.resume();
    const control = join(folder.path, 'networks', 'lab', 'control.sock');
    await vi.waitUntil(() => existsSync(control), 20_000);
    context.stdin.end();
    await ended;
    expect(existsSync(control)).toBe(false);
  });

  it('ends by an interrupt that came while it was being opened', async () => {
    const context = contextIn(folder.path, AbortSignal.abort());
    await orlopProgram(context).parseAsync(['net', 'up', 'early', '--listen', join(folder.path, 'q.sock')], {
      from: 'user',
    });
    expect(existsSync(join(folder.path, 'networks', 'early', 'control.sock'))).toBe(false);
  });

  it.each([
    [['--mtu', 'abc'], /--mtu "abc" is not a whole number/],
    [['--idle-exit', 'soon'], /--idle-exit "soon" is not a whole number/],
    [['--data-plane', 'fast'], /Allowed choices are auto, native, node/],
    [['--mtu', '99'], /cannot be configured/],
  ])('turns down %s', async (words, message) => {
    await expect(up(...words)).rejects.toThrow(message);
  });

  it('names what is wrong in a configuration by line, column and path', async () => {
    const path = join(folder.path, 'lab.yml');
    await writeFile(path, 'mtu: 1500\npolicy:\n  rules:\n    - {action: allow}\n    - {action: maybe}\n');
    await expect(up('--config', path)).rejects.toMatchObject({
      kind: 'invalid',
      problems: [
        expect.objectContaining({
          message: 'policy.rules[1].action is "maybe"; there are allow, deny',
          position: expect.objectContaining({ line: 5, column: 16 }),
        }),
      ],
    });
  });
});
