import { appendFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FollowOptions, followLog } from './console-log.ts';

let folder: TemporaryFolder;
let path: string;
beforeEach(async () => {
  folder = await temporaryFolder('log');
  path = join(folder.path, 'console.log');
});
afterEach(() => folder.remove());

async function read(options: FollowOptions = {}): Promise<string> {
  let text = '';
  for await (const piece of followLog(path, options)) text += Buffer.from(piece).toString();
  return text;
}

describe('followLog', () => {
  it.each([
    [0, ''],
    [1, 'c\n'],
    [2, 'b\nc\n'],
    [9, 'a\nb\nc\n'],
    [undefined, 'a\nb\nc\n'],
  ])('begins %s lines before the end', async (lines, expected) => {
    await writeFile(path, 'a\nb\nc\n');
    expect(await read(lines === undefined ? {} : { lines })).toBe(expected);
  });

  it('finds the last lines of a log that is longer than its buffer', async () => {
    await writeFile(path, `${'x'.repeat(200_000)}\n${'y'.repeat(100_000)}\nend`);
    expect(await read({ lines: 2 })).toBe(`${'y'.repeat(100_000)}\nend`);
  });

  it('goes on while the log is live, over an emptying, and takes what came last', async () => {
    await writeFile(path, 'one ');
    const steps = [
      () => appendFile(path, 'two '),
      () => truncate(path, 0),
      () => appendFile(path, '3 '),
      () => appendFile(path, 'last'),
    ];
    const live = async () => {
      await steps.shift()?.();
      return steps.length > 0;
    };
    expect(await read({ live })).toBe('one two 3 last');
  });

  it('ends quietly when aborted', async () => {
    await writeFile(path, 'a');
    const abort = new AbortController();
    const live = async () => {
      abort.abort();
      return true;
    };
    expect(await read({ live, signal: abort.signal })).toBe('a');
  });
});
