import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gitTreeHash } from './git-tree.ts';

describe('gitTreeHash', () => {
  let top: TemporaryFolder;
  let folder: string;
  const git = (...words: string[]) =>
    execFileSync(
      'git',
      ['-C', top.path, '-c', 'user.name=test', '-c', 'user.email=test@test.invalid', ...words],
      { encoding: 'utf8' },
    ).trim();

  beforeEach(async () => {
    top = await temporaryFolder('git-tree');
    folder = join(top.path, 'pkg', 'one');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'build.yml'), 'image: one\n');
    git('init', '--quiet');
    git('add', '.');
    git('commit', '--quiet', '-m', 'first');
  });
  afterEach(() => top.remove());

  it("is git's own id of a folder, and of the whole of a work tree", async () => {
    expect(await gitTreeHash(folder)).toBe(git('rev-parse', 'HEAD:pkg/one'));
    expect(await gitTreeHash(top.path)).toBe(git('log', '-1', '--format=%T'));
  });

  it('says that a changed file or a new one is not what was committed, and another commit never is', async () => {
    const tree = git('rev-parse', 'HEAD:pkg/one');
    await writeFile(join(folder, 'new'), 'x');
    const withNew = await gitTreeHash(folder);
    expect(withNew).toMatch(new RegExp(`^${tree}-dirty-[0-9a-f]{7}$`));
    await writeFile(join(folder, 'build.yml'), 'image: two\n');
    expect(await gitTreeHash(folder)).not.toBe(withNew);
    const commit = git('rev-parse', 'HEAD');
    expect(await gitTreeHash(folder, { commit })).toBe(tree);
    expect(await gitTreeHash(folder, { commit, forceDirty: true })).toMatch(/-dirty-/);
  });

  it('refuses a folder that the commit has not, and one outside of git', async () => {
    const other = join(top.path, 'pkg', 'other');
    await mkdir(other);
    await expect(gitTreeHash(other)).rejects.toMatchObject({
      code: 'debian.not-in-git',
      message: `git has no tree of ${other} in the commit "HEAD"`,
    });
    const outside = await temporaryFolder('no-git');
    await expect(gitTreeHash(outside.path)).rejects.toMatchObject({
      code: 'debian.not-in-git',
      message: expect.stringMatching(/ is in no work tree of git: fatal: not a git repository/),
    });
    await outside.remove();
  });
});
