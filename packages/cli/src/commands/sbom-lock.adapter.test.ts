import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageStore, writeImage } from '@orlop/oci';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { orlopIn } from '../testing/command-under-test.ts';

describe('orlop sbom and lock', () => {
  let folder: TemporaryFolder;

  beforeEach(async () => {
    folder = await temporaryFolder('cli-lock');
    await writeFile(join(folder.path, 'a.yml'), 'init: [team/tool:1]\n');
    await put('tool:1', 'first');
  });
  afterEach(async () => {
    process.exitCode = 0;
    await folder.remove();
  });

  const orlop = (...words: string[]) => orlopIn(folder.path, words);

  /** Puts an image that differs by its variable into the store. */
  async function put(name: string, content: string): Promise<void> {
    const store = await ImageStore.open(join(folder.path, 'cache'));
    const manifest = await writeImage(store, {
      platform: { os: 'linux', architecture: 'amd64' },
      config: { config: { Env: [`CONTENT=${content}`] } },
      layers: [],
    });
    await store.tag(`team/${name}`, manifest);
  }

  const build = (...more: string[]) =>
    orlop('build', '--arch', 'amd64', '--no-pull', '--format', 'tar', ...more, 'a.yml');

  it('locks a description beside it, and builds from the lock until an image is another', async () => {
    await expect(build('--locked')).rejects.toMatchObject({ code: 'build.no-lock' });
    expect(await orlop('lock', '--arch', 'amd64', '--no-pull', 'a.yml')).toBe('a.lock.yml: 1 images\n');
    expect(await readFile(join(folder.path, 'a.lock.yml'), 'utf8')).toMatch(
      /docker\.io\/team\/tool:1:\n +source: sha256:\w{64}\n +platforms:\n +linux\/amd64: sha256:\w{64}\n$/,
    );
    const printed = await orlop('lock', '--arch', 'amd64', '--no-pull', '--lock-file', '-', 'a.yml');
    expect(printed).toBe(await readFile(join(folder.path, 'a.lock.yml'), 'utf8'));
    await orlop('lock', '--arch', 'amd64', '--no-pull', '--json', '--lock-file', '-', 'a.yml');
    await expect(readFile(join(folder.path, '-'))).rejects.toMatchObject({ code: 'ENOENT' });
    await build('--locked');
    await put('tool:1', 'second');
    await expect(build('--locked')).rejects.toMatchObject({ code: 'kit.lock-differs' });
    await build();
    const again = await orlop('lock', '--json', '--arch', 'amd64', '--no-pull', 'a.yml');
    expect(JSON.parse(again).images).toMatchObject([
      { reference: 'docker.io/team/tool:1', platform: 'linux/amd64' },
    ]);
    await build('--locked');
  });

  it("pins the boot programs of the formats that are named, of all of an architecture's, and a board's if named", async () => {
    for (const name of ['boot-bios', 'boot-efi', 'boot-initrd', 'boot-rpi3']) {
      await mkdir(join(folder.path, 'pkg', name), { recursive: true });
      await writeFile(
        join(folder.path, 'pkg', name, 'build.yml'),
        `image: ${name}\ndebian: { files: [{ path: file, contents: hi }] }\n`,
      );
    }
    await writeFile(join(folder.path, 'none.yml'), 'init: []\n');
    const locked = async (...words: string[]) => {
      await orlop('lock', '--no-pull', '--pkg', 'pkg', ...words, 'none.yml');
      const lock = await readFile(join(folder.path, 'none.lock.yml'), 'utf8');
      return [...lock.matchAll(/orlop\/(boot-\w+):latest:/g)].map(([, name]) => name);
    };
    expect(await locked('--arch', 'amd64', '--format', 'aws,uki')).toEqual(['boot-bios', 'boot-efi']);
    expect(await locked('--arch', 'amd64', '-f', 'kernel+iso')).toEqual(['boot-initrd']);
    expect(await locked('--arch', 'arm64', '--boot-loaders')).toEqual(['boot-efi', 'boot-initrd']);
    expect(await locked('--arch', 'arm64', '--boot-loaders', '-f', 'rpi3')).toEqual([
      'boot-efi',
      'boot-initrd',
      'boot-rpi3',
    ]);
    await expect(locked('--format', 'raw-bois')).rejects.toMatchObject({ code: 'kit.unknown-format' });
  });

  it('names no lock for what has no folder', async () => {
    await expect(orlop('lock', '-')).rejects.toMatchObject({ code: 'build.invalid-option' });
  });

  it('tells two builds apart by their lists, with exit status 1', async () => {
    await build('--name', 'before');
    await put('tool:1', 'second');
    await build('--name', 'after', '--cyclonedx', 'after.json', '--spdx', 'after.spdx.json');
    expect(await orlop('sbom', 'diff', 'after.tar', 'after.spdx.json')).toContain('0 changed');
    expect(await orlop('sbom', 'diff', 'after.tar', 'after.json')).toBe('0 added, 0 removed, 0 changed\n');
    expect(process.exitCode ?? 0).toBe(0);
    expect(await orlop('sbom', 'diff', 'before', 'after')).toMatch(
      /^~ image docker\.io\/team\/tool 1@\w{12} -> 1@\w{12}\n0 added, 0 removed, 1 changed\n$/,
    );
    expect(process.exitCode).toBe(1);
    const { changed } = JSON.parse(await orlop('sbom', 'diff', '--json', 'before', 'after'));
    expect(changed).toHaveLength(1);
    execFileSync('tar', ['--warning=no-unknown-keyword', '-xf', 'before.tar', 'sbom.spdx.json'], {
      cwd: folder.path,
    });
    expect(await orlop('sbom', 'diff', 'sbom.spdx.json', 'before')).toContain('0 changed');
    await expect(orlop('sbom', 'diff', 'before', 'nowhere')).rejects.toMatchObject({
      code: 'sbom.not-found',
    });
    await expect(orlop('sbom', 'diff', 'before', 'team/tool:1')).rejects.toMatchObject({
      code: 'sbom.not-found',
    });
  });
});
