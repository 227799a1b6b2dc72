import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { orlopIn } from '../testing/command-under-test.ts';

/** What components are pushed to is Debian's docker-registry, and skopeo says what it has. */
describe('orlop pkg push', () => {
  let folder: TemporaryFolder;
  let registry: ChildProcess;
  let host: string;

  beforeAll(async () => {
    folder = await temporaryFolder('cli-push');
    host = `127.0.0.1:${await freePort()}`;
    const settings = {
      version: 0.1,
      storage: { filesystem: { rootdirectory: join(folder.path, 'registry') } },
      http: { addr: host },
    };
    await writeFile(join(folder.path, 'registry.yml'), JSON.stringify(settings));
    registry = spawn('docker-registry', ['serve', join(folder.path, 'registry.yml')], { stdio: 'ignore' });
    await vi.waitFor(async () => expect((await fetch(`http://${host}/v2/`)).status).toBe(200), 30_000);
    await mkdir(join(folder.path, 'tiny'));
    await writeFile(
      join(folder.path, 'tiny', 'build.yml'),
      `image: tiny\norg: ${host}/me\ndebian: { files: [{ path: file, contents: hi }] }\n`,
    );
  });
  afterAll(async () => {
    registry.kill();
    await once(registry, 'exit');
    await folder.remove();
  });

  const pkg = (...words: string[]) => orlopIn(folder.path, ['pkg', ...words]);
  const skopeo = (...words: string[]) => execFileSync('skopeo', words, { encoding: 'utf8' });
  const rawIndex = (tag: string) =>
    skopeo('inspect', '--raw', '--tls-verify=false', `docker://${host}/me/tiny:${tag}`);

  it('makes one index of the platforms that were built one after the other', async () => {
    await expect(pkg('push', 'tiny')).rejects.toMatchObject({ code: 'pkg.not-built' });
    await pkg('build', '--tag', 'one', '--arch', 'arm64', 'tiny');
    await pkg('build', '--tag', 'one', '--platforms', 'linux/amd64,linux/riscv64', 'tiny');
    expect(await pkg('push', '--tag', 'one', '--with-arch-tags', 'tiny')).toContain(`${host}/me/tiny:one`);
    const { mediaType, manifests } = JSON.parse(rawIndex('one'));
    expect(mediaType).toBe('application/vnd.oci.image.index.v1+json');
    const images = manifests.filter((one: Manifest) => one.platform.os === 'linux');
    const named = images.map(({ platform }: Manifest) => platform.architecture).sort();
    expect(named).toEqual(['amd64', 'arm64', 'riscv64']);
    expect(JSON.parse(await pkg('index', '--tag', 'one', 'tiny')).index.manifests).toEqual(manifests);
    for (const architecture of named) {
      const place = `docker://${host}/me/tiny:one-${architecture}`;
      const words = ['inspect', '--config', '--tls-verify=false', '--override-arch', architecture, place];
      expect(JSON.parse(skopeo(...words)).architecture).toBe(architecture);
    }
  });

  it('gives it another name by remote-tag, and by --release', async () => {
    await pkg('remote-tag', `${host}/me/tiny:one`, `${host}/me/tiny:two`);
    expect(rawIndex('two')).toBe(rawIndex('one'));
    await expect(pkg('remote-tag', `${host}/me/none:x`, `${host}/me/tiny:y`)).rejects.toThrow(
      `the registry has no image ${host}/me/none:x`,
    );
    await pkg('build', '--tag', 'one', '--push', '--release', 'v1', '--nobuild', 'tiny');
    expect(rawIndex('v1')).toBe(rawIndex('one'));
    expect(JSON.parse(skopeo('list-tags', '--tls-verify=false', `docker://${host}/me/tiny`)).Tags).toEqual(
      expect.arrayContaining(['one', 'two', 'v1']),
    );
  });

  it('replaces what has the tag only when told to', async () => {
    const before = rawIndex('one');
    await writeFile(
      join(folder.path, 'tiny', 'build.yml'),
      `image: tiny\norg: ${host}/me\ndebian: { files: [{ path: file, contents: changed }] }\n`,
    );
    await pkg('build', '--tag', 'one', '--force', '--arch', 'amd64', 'tiny');
    await expect(pkg('push', '--tag', 'one', 'tiny')).rejects.toMatchObject({ kind: 'conflict' });
    expect(rawIndex('one')).toBe(before);
    await pkg('push', '--tag', 'one', '--override', 'tiny');
    expect(rawIndex('one')).not.toBe(before);
  });
});

interface Manifest {
  readonly platform: { readonly os: string; readonly architecture: string };
}
