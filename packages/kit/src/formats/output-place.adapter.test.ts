import { execFileSync } from 'node:child_process';
import { mkdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outputFile, outputPlace } from './output-place.ts';
import { OutputSet } from './output-set.ts';
import { deviceSink } from './single-output.ts';

describe('outputPlace', () => {
  let folder: TemporaryFolder;
  const place = (name: string) => join(folder.path, name);

  beforeEach(async () => {
    folder = await temporaryFolder('output-place');
  });
  afterEach(() => folder.remove());

  it('is the name itself, or the file behind a link', async () => {
    await writeFile(place('file'), '');
    await symlink(place('file'), place('link'));
    await symlink(place('nowhere'), place('dangling'));
    const file = await realpath(place('file'));
    expect(await outputPlace(place('new'))).toEqual({ kind: 'file', path: place('new') });
    expect(await outputPlace(place('dangling'))).toEqual({ kind: 'file', path: place('dangling') });
    expect(await outputPlace(place('link'))).toEqual({ kind: 'file', path: file });
  });

  it('is written into where it is a pipe, which a file cannot stand for', async () => {
    execFileSync('mkfifo', [place('pipe')]);
    expect(await outputPlace(place('pipe'))).toEqual({ kind: 'stream', path: place('pipe') });
    await expect(outputFile(place('pipe'))).rejects.toMatchObject({ code: 'kit.output-failed' });
  });

  it('is a pipe that gets the content as it comes, and a device that may be full', async () => {
    const { signal } = new AbortController();
    const outputs = new OutputSet(folder.path, { signal });
    const content = async function* () {
      yield Buffer.from('one ');
      yield Buffer.from('two');
    };
    execFileSync('mkfifo', [place('pipe')]);
    const [read] = await Promise.all([
      readFile(place('pipe'), 'utf8'),
      deviceSink(place('pipe'), { outputs, signal }).write('x', content()),
    ]);
    expect(read).toBe('one two');
    await expect(deviceSink('/dev/full', { outputs, signal }).write('x', content())).rejects.toMatchObject({
      ...{ code: 'kit.output-failed', message: 'cannot write /dev/full', cause: { code: 'ENOSPC' } },
    });
  });

  it('is nowhere where a name is too long, or a file is taken for a folder', async () => {
    await writeFile(place('file'), '');
    for (const [name, code] of [
      ['n'.repeat(256), 'ENAMETOOLONG'],
      ['file/x', 'ENOTDIR'],
    ] as const) {
      await expect(outputPlace(place(name))).rejects.toMatchObject({
        ...{ code: 'kit.output-failed', message: `cannot write ${place(name)}`, cause: { code } },
      });
    }
  });

  it('is no folder', async () => {
    await mkdir(place('folder'));
    await expect(outputPlace(place('folder'))).rejects.toMatchObject({
      ...{ code: 'kit.output-failed', message: expect.stringMatching(/is no file$/) },
    });
  });
});
