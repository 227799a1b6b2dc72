import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { componentHash } from './component-tag.ts';
import { loadComponent } from './load-component.ts';

describe('componentHash', () => {
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder('component-tag');
  });
  afterEach(() => folder.remove());

  const hashOf = async (name: string) => componentHash(await loadComponent(join(folder.path, name)));
  const define = async (name: string, files: Readonly<Record<string, string>>) => {
    await mkdir(join(folder.path, name), { recursive: true });
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder.path, name, file), text);
  };

  it('is that of the content where the folder is named by a link, and changes with it', async () => {
    await define('own', { 'build.yml': 'image: own\ndebian: {}\n', note: 'one' });
    await symlink('own', join(folder.path, 'linked'));
    const before = await hashOf('own');
    expect(await hashOf('linked')).toBe(before);
    await define('own', { note: 'two' });
    expect(await hashOf('linked')).toBe(await hashOf('own'));
    expect(await hashOf('linked')).not.toBe(before);
  });

  it('changes with a file elsewhere that a link of the folder leads to', async () => {
    await define('shared', { 'motd.txt': 'one' });
    await define('own', {
      'build.yml': 'image: own\ndebian: {files: [{path: etc/motd, source: motd}]}\n',
    });
    await symlink('../shared/motd.txt', join(folder.path, 'own', 'motd'));
    const before = await hashOf('own');
    await define('shared', { 'motd.txt': 'two' });
    expect(await hashOf('own')).not.toBe(before);
  });

  it('names a file that is needed and not there', async () => {
    await define('own', {
      'build.yml': 'image: own\ndebian: {files: [{path: etc/motd, source: ../motd}]}\n',
    });
    await expect(hashOf('own')).rejects.toMatchObject({
      code: 'debian.source-missing',
      message: `${folder.path}/motd, which the component needs, is not there`,
    });
  });
});
