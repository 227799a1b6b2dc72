import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createContext } from './context.ts';
import { makeHome } from './make-home.ts';
import { orlopIn } from './testing/command-under-test.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('make-home');
});
afterEach(() => folder.remove());

describe('makeHome', () => {
  it('makes what is missing of the path, for its user alone', async () => {
    const home = join(folder.path, 'a b', 'größe', 'home');
    makeHome(home, 'ORLOP_HOME');
    expect((await stat(home)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder.path, 'a b'))).mode & 0o777).toBe(0o700);
  });

  it('leaves a folder that is there as it is', async () => {
    await mkdir(join(folder.path, 'home'), { mode: 0o755 });
    makeHome(join(folder.path, 'home'), 'ORLOP_HOME');
    expect((await stat(join(folder.path, 'home'))).mode & 0o777).toBe(0o755);
    expect(await readdir(join(folder.path, 'home'))).toEqual([]);
  });

  it('names a folder that cannot be, why, and the variable', async () => {
    await writeFile(join(folder.path, 'file'), '');
    for (const [home, why] of [
      [join(folder.path, 'file'), /EEXIST/],
      [join(folder.path, 'file', 'x'), /ENOTDIR/],
      [join(folder.path, 'x'.repeat(300)), /ENAMETOOLONG/],
      ['/proc/x/y', /ENOENT/],
      ['/proc/self', /ENOENT/],
    ] as const) {
      expect(() => makeHome(home, 'ORLOP_CACHE')).toThrow(
        expect.objectContaining({
          code: 'cli.no-home',
          message: `${home} cannot be the folder that Orlop keeps its files in`,
          hint: expect.stringMatching(/^set ORLOP_CACHE /),
          cause: expect.objectContaining({ message: expect.stringMatching(why) }),
        }),
      );
    }
  });
});

describe('orlopProgram', () => {
  it('ends at once where its state cannot be, but for what needs none', async () => {
    for (const words of [['ps'], ['net', 'ls'], ['config', 'get', 'cpus'], ['cache', 'ls']]) {
      await expect(orlopIn('/proc/x', words)).rejects.toMatchObject({ code: 'cli.no-home' });
    }
    expect(await orlopIn('/proc/x', ['version'])).toMatch(/^orlop /);
    expect(await orlopIn('/proc/x', ['completion', 'bash'])).toMatch(/orlop/);
  });
});

describe('createContext', () => {
  it('finds the home of a user whose environment names none, as that of a service', () => {
    const { signal } = new AbortController();
    const home = join(userInfo().homedir, '.orlop');
    expect(createContext(process, { signal, env: {} }).paths.home).toBe(home);
    expect(createContext(process, { signal, env: { HOME: '' } }).paths.home).toBe(home);
    expect(createContext(process, { signal, env: { HOME: '/h' } }).paths.home).toBe('/h/.orlop');
  });
});
