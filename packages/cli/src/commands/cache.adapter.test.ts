import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OrlopError } from '@orlop/core';
import { ImageStore, nameArchitectures, writeImage, writeIndex } from '@orlop/oci';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { orlopIn } from '../testing/command-under-test.ts';

const TITLE = 'org.opencontainers.image.title';
const REVISION = 'org.opencontainers.image.revision';

describe('orlop cache', () => {
  let folder: TemporaryFolder;

  beforeEach(async () => {
    folder = await temporaryFolder('cli-cache');
  });
  afterEach(() => folder.remove());

  const orlop = (...words: string[]) => orlopIn(folder.path, ['cache', ...words]);

  /** What `docker save` of an image with one file looks like. */
  async function savedImage(name: string, content: string): Promise<string> {
    const layer = join(folder.path, 'layer.tar');
    await writeFile(join(folder.path, 'file'), content);
    execFileSync('tar', ['--mtime=@0', '--owner=0', '--group=0', '-cf', layer, '-C', folder.path, 'file']);
    const digest = execFileSync('sha256sum', [layer]).toString().slice(0, 64);
    const config = {
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
    };
    await writeFile(join(folder.path, 'config.json'), JSON.stringify(config));
    const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }];
    await writeFile(join(folder.path, 'manifest.json'), JSON.stringify(manifest));
    const archive = join(folder.path, 'saved.tar');
    execFileSync('tar', ['-cf', archive, '-C', folder.path, 'layer.tar', 'config.json', 'manifest.json']);
    return archive;
  }

  it('imports, lists, exports and removes', async () => {
    const archive = await savedImage('team/app:1', 'hello');
    expect(await orlop('import', archive)).toMatch(/^docker\.io\/team\/app:1 sha256:[0-9a-f]{64}\n$/);
    const [listed] = JSON.parse(await orlop('ls', '--json'));
    expect(listed).toMatchObject({ name: 'docker.io/team/app:1', platforms: ['linux/amd64'] });
    expect(await orlop('ls')).toMatch(/^NAME .*\ndocker\.io\/team\/app:1 +sha256:\w{12} +linux\/amd64 +\d/);
    const files = join(folder.path, 'files.tar');
    await orlop('export', 'team/app:1', '--format', 'filesystem', '--platform', 'amd64', '--outfile', files);
    expect(execFileSync('tar', ['-xOf', files, 'file']).toString()).toBe('hello');
    const layout = join(folder.path, 'layout.tar');
    await orlop('export', 'team/app:1', '--outfile', layout, '--name', 'other/name:2');
    expect(await orlop('import', layout, '--json')).toBe(
      `${JSON.stringify({ name: 'docker.io/other/name:2', digest: listed.digest })}\n`,
    );
    expect(await orlop('rm', 'team/app:1')).toMatch(
      /^removed docker\.io\/team\/app:1\nfreed 0 B in 0 blobs\n$/,
    );
    expect(await orlop('rm', 'other/name:2')).toMatch(/freed .* in 3 blobs\n$/);
    expect(await orlop('ls', '--json')).toBe('[]\n');
  });

  it('removes an image with the names of its platforms, and no other name like it', async () => {
    await orlop('import', await savedImage('team/one:1', 'hello'));
    const store = await ImageStore.open(join(folder.path, 'cache'));
    const manifest = await store.find('team/one:1');
    if (manifest === undefined) throw new Error('not imported');
    const platform = { os: 'linux', architecture: 'amd64' };
    await store.tag('team/app:1', await writeIndex(store, [{ ...manifest, platform }]));
    await nameArchitectures(store, 'team/app:1');
    await orlop('import', await savedImage('team/app:1-arm64', 'another'));
    expect(await orlop('rm', 'team/app:1')).toMatch(
      /^removed docker\.io\/team\/app:1\nremoved docker\.io\/team\/app:1-amd64\nfreed .* in 1 blobs\n$/,
    );
    expect((await store.list()).map(({ name }) => name)).toEqual([
      'docker.io/team/app:1-arm64',
      'docker.io/team/one:1',
    ]);
  });

  it('leaves a file alone when the export fails', async () => {
    const out = join(folder.path, 'out.tar');
    await writeFile(out, 'precious');
    await expect(orlop('export', 'nosuch', '--outfile', out)).rejects.toMatchObject({
      code: 'oci.image-not-found',
    });
    expect(await readFile(out, 'utf8')).toBe('precious');
  });

  it('cleans the whole store, or only what no image needs', async () => {
    await orlop('import', await savedImage('team/app:1', 'hello'));
    const store = await ImageStore.open(join(folder.path, 'cache'));
    async function* stray() {
      yield new TextEncoder().encode('stray');
    }
    const image = await store.find('team/app:1');
    if (image === undefined) throw new Error('not imported');
    await store.writeBlob(stray(), { mediaType: 'x/y' });
    await store.tag('team/app:1', image); // the stray is nobody's from here on
    expect(await orlop('clean', '--unreferenced')).toBe('removed 1 unused blobs, 5 B with leftovers\n');
    expect(JSON.parse(await orlop('ls', '--json'))).toHaveLength(1);
    expect(await orlop('clean')).toContain('removed docker.io/team/app:1');
    expect(await orlop('ls', '--json')).toBe('[]\n');
  });

  it('removes what earlier states of components left, and nothing else', async () => {
    const store = await ImageStore.open(join(folder.path, 'cache'));
    const hashes = ['a'.repeat(40), 'b'.repeat(40)] as const;
    for (const hash of hashes) {
      const Labels = { [TITLE]: 'orlop/tool', [REVISION]: hash };
      const platform = { os: 'linux', architecture: 'amd64' };
      const image = await writeImage(store, { platform, config: { config: { Labels } }, layers: [] });
      for (const tag of [hash, 'latest']) await store.tag(`orlop/tool:${tag}`, image);
    }
    await orlop('import', await savedImage('team/app:1', 'hello'));
    expect(await orlop('clean', '--superseded')).toMatch(
      /^removed docker\.io\/orlop\/tool:a{40}\nfreed \d+ B in 2 blobs\nremoved 0 unused blobs, 0 B with leftovers\n$/,
    );
    expect((await store.list()).map(({ name }) => name)).toEqual([
      `docker.io/orlop/tool:${hashes[1]}`,
      'docker.io/orlop/tool:latest',
      'docker.io/team/app:1',
    ]);
    await expect(orlop('clean', '--superseded', '--unreferenced')).rejects.toMatchObject({
      code: 'commander.conflictingOption',
    });
  });

  it.each([
    [['rm', 'nosuch'], 'the store has no image docker.io/library/nosuch:latest'],
    [['import', 'nosuch.tar'], 'nosuch.tar cannot be read'],
    [['pull', 'Bad'], '"Bad" is no image reference: "Bad" has upper-case letters'],
    [['pull', 'a', '--mirror', 'x'], '"x" is no mirror'],
    [['pull', 'a', '--cert-file', 'nosuch.pem'], '--cert-file nosuch.pem cannot be read'],
    [['push', 'a', 'b', '--remote-name', 'c'], '--remote-name goes with one image only'],
    [['push', 'localhost:1/a'], 'the store has no image localhost:1/a:latest'],
    [['export', 'a', '--platform', 'a/b/c/d', '--outfile', 'x'], '"a/b/c/d" is no platform'],
  ])('says for %j: %s', async (args, message) => {
    const error = await orlop(...args).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OrlopError);
    expect((error as Error).message).toContain(message);
  });

  it('names the file that is no archive', async () => {
    await writeFile(join(folder.path, 'junk.tar'), 'x'.repeat(1000));
    await expect(orlop('import', 'junk.tar')).rejects.toThrow(
      /^junk\.tar cannot be brought in: the tar header/,
    );
  });

  it('refuses unknown options and formats', async () => {
    await expect(orlop('ls', '--nosuch')).rejects.toMatchObject({ code: 'commander.unknownOption' });
    await expect(orlop('export', 'x', '--format', 'zip')).rejects.toMatchObject({
      code: 'commander.invalidArgument',
    });
  });
});
