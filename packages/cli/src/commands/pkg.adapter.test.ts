import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageStore } from '@orlop/oci';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { orlopIn } from '../command-under-test.ts';

describe('orlop pkg build', () => {
  let folder: TemporaryFolder;

  beforeEach(async () => {
    folder = await temporaryFolder('cli-pkg');
    await mkdir(join(folder.path, 'tiny'));
    const definition = 'image: tiny\ndebian: { files: [{ path: file, contents: hi }] }\n';
    await writeFile(join(folder.path, 'tiny', 'build.yml'), definition);
    await mkdir(join(folder.path, 'docker'));
    await writeFile(join(folder.path, 'docker', 'build.yml'), 'image: docker\n');
  });
  afterEach(() => folder.remove());

  const build = (...words: string[]) => orlopIn(folder.path, ['pkg', 'build', ...words]);

  it('builds for the platforms that are named and not left out', async () => {
    const platforms = ['--platforms', 'linux/amd64,linux/arm64', '--skip-platforms', 'linux/arm64'];
    expect(await build('--dry-run', ...platforms, 'tiny')).toMatch(
      /^orlop\/tiny:[0-9a-f]{40} linux\/amd64\n$/,
    );
    expect(await build('--dry-run', '--all-arches', '--skip-platforms', 'riscv64,amd64', 'tiny')).toMatch(
      /^\S+ linux\/arm64\n$/,
    );
  });

  it('builds nothing when told so, and what the store lacks otherwise', async () => {
    expect(await build('--nobuild', 'tiny')).toBe('');
    expect(await build('--arch', 'arm64', 'tiny')).toMatch(/ linux\/arm64 .* built from 0 packages\n$/);
    expect(await build('--arch', 'arm64', 'tiny')).toMatch(/unchanged\n$/);
    const store = await ImageStore.open(join(folder.path, 'cache'));
    expect((await store.list()).map(({ name }) => name)).toContain('docker.io/orlop/tiny:latest');
  });

  it('refuses a file of build arguments that is none', async () => {
    await writeFile(join(folder.path, 'arguments'), '# of the site\nA=1\n\nB\n');
    await expect(build('--build-arg-file', 'arguments', 'docker')).rejects.toThrow(
      '--build-arg-file arguments: "B" is not KEY=VALUE',
    );
    await expect(build('--build-arg-file', 'nosuch', 'docker')).rejects.toThrow('nosuch cannot be read');
  });
});
