import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageStore } from '@orlop/oci';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { orlopIn } from '../testing/command-under-test.ts';

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

  it("names an image by git's tree when asked, and releases nothing that is not pushed or not committed", async () => {
    const git = (...words: string[]) =>
      execFileSync(
        'git',
        ['-C', folder.path, '-c', 'user.name=t', '-c', 'user.email=t@t.invalid', ...words],
        {
          encoding: 'utf8',
        },
      ).trim();
    git('init', '--quiet');
    git('add', 'tiny');
    git('commit', '--quiet', '-m', 'first');
    const tree = git('rev-parse', 'HEAD:tiny');
    const named = (hash: string) => `orlop/tiny:${hash} linux/amd64\n`;
    expect(await build('--dry-run', '--arch', 'amd64', '--hash-commit', 'HEAD', 'tiny')).toBe(named(tree));
    expect(
      await build('--dry-run', '--arch', 'amd64', '--hash-path', '.', '--hash-commit', 'HEAD', 'tiny'),
    ).toMatch(new RegExp(`^orlop/tiny:${git('rev-parse', 'HEAD^{tree}')}`));
    await expect(build('--release', 'v1', 'tiny')).rejects.toThrow('Cannot release "v1" if not pushing');
    await writeFile(join(folder.path, 'tiny', 'more'), 'x');
    const changed = ['--hash-commit', 'HEAD', '--push', '--release', 'v1', 'tiny'];
    await expect(build(...changed)).rejects.toThrow('Cannot release "v1" of changed content');
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
