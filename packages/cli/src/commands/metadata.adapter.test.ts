import { execFileSync } from 'node:child_process';
import { readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { silentLogger } from '@orlop/core';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommandContext, statePaths } from '../context.ts';
import { createMetadata } from './metadata-create.ts';

describe('createMetadata', () => {
  let folder: TemporaryFolder;
  let context: CommandContext;
  const stdin = new PassThrough();

  beforeEach(async () => {
    folder = await temporaryFolder('cli-metadata');
    const env = { ORLOP_HOME: folder.path };
    context = {
      ...{ stdout: new PassThrough(), stderr: new PassThrough(), stdin, env, cwd: folder.path },
      signal: new AbortController().signal,
      logger: silentLogger,
      progress: () => {},
      paths: statePaths(env, folder.path),
    };
  });
  afterEach(() => folder.remove());

  it('writes a CD-ROM image whose file config isoinfo reads', async () => {
    await createMetadata({ image: 'm.iso', text: '{"a": 1}', file: undefined }, context);
    const image = join(folder.path, 'm.iso');
    const read = execFileSync('isoinfo', ['-i', image, '-x', '/CONFIG.;1'], { encoding: 'utf8' });
    expect(read).toBe('{"a": 1}');
    expect((await stat(image)).mode & 0o777).toBe(0o600);
  });

  it('takes the same from a file and from standard input', async () => {
    await writeFile(join(folder.path, 'data'), 'same');
    stdin.end('same');
    await createMetadata({ image: 'a.iso', text: undefined, file: 'data' }, context);
    await createMetadata({ image: 'b.iso', text: '-', file: undefined }, context);
    expect(await readFile(join(folder.path, 'a.iso'))).toEqual(await readFile(join(folder.path, 'b.iso')));
  });

  it('refuses a file that is larger than any metadata', async () => {
    await writeFile(join(folder.path, 'large'), '');
    await truncate(join(folder.path, 'large'), (64 << 20) + 1);
    const create = createMetadata({ image: 'x.iso', text: undefined, file: 'large' }, context);
    await expect(create).rejects.toMatchObject({
      code: 'metadata.no-source',
      cause: { code: 'cli.too-large', message: `${join(folder.path, 'large')} is over 64 MiB` },
    });
  });

  it('refuses both, neither, and a file that is not there', async () => {
    const create = (text?: string, file?: string) => createMetadata({ image: 'x.iso', text, file }, context);
    await expect(create()).rejects.toMatchObject({ code: 'metadata.bad-source' });
    await expect(create('a', 'b')).rejects.toMatchObject({ code: 'metadata.bad-source' });
    await expect(create(undefined, 'nowhere')).rejects.toMatchObject({ code: 'metadata.no-source' });
  });
});
