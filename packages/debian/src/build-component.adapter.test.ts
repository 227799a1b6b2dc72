import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OrlopError } from '@orlop/core';
import { flattenImage, ImageStore, openImage, readSboms } from '@orlop/oci';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuildRequest, buildComponent } from './build-component.ts';
import { type ComponentDefinition, isByDockerfile } from './definition/definition.ts';
import { findComponent, loadComponent } from './definition/load-component.ts';
import { TestArchive } from './testing/debian-archive.ts';

const tool = { name: 'tool', version: '1:2.0-1', architecture: 'amd64', depends: 'libtool (>= 1), helper' };
const PACKAGES = [
  {
    ...tool,
    files: { 'usr/bin/tool': '#!/bin/sh\n', 'usr/share/doc/tool/copyright': 'mine', 'var/lib/tool/': '' },
  },
  { ...tool, architecture: 'arm64', files: { 'usr/bin/tool': 'arm\n' } },
  { name: 'libtool', version: '1.0', architecture: 'all', files: { 'usr/share/libtool/data': 'data' } },
  {
    name: 'helper',
    version: '3',
    architecture: 'all',
    depends: 'libtool',
    files: { 'usr/bin/helper': 'help' },
  },
];

const DEFINITION = `image: tool
config: {capabilities: [CAP_NET_ADMIN]}
debian:
  suite: test
  packages: [tool]
  without: [helper]
  files: [{path: etc/motd, source: motd}]
  cmd: [tool]
`;

let folder: TemporaryFolder;
let archive: TestArchive;

beforeAll(async () => {
  folder = await temporaryFolder('debian');
  archive = new TestArchive(join(folder.path, 'archive'));
  for (const entry of PACKAGES) archive.add(entry);
  archive.publish('test', ['amd64', 'arm64']);
  define('tool', DEFINITION);
});

afterAll(async () => {
  archive.close();
  await folder.remove();
});

function define(name: string, text: string): string {
  const path = join(folder.path, 'pkg', name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'build.yml'), text);
  writeFileSync(join(path, 'motd'), 'welcome\n');
  return path;
}

async function debianDefinition(path: string): Promise<ComponentDefinition> {
  const definition = await loadComponent(path);
  if (isByDockerfile(definition)) throw new Error(`${path} is made of Debian packages`);
  return definition;
}

/** A build into a store of its own, with the state that is asked for. */
async function build(
  changes: Partial<BuildRequest> & { readonly storeName?: string; readonly state?: string },
) {
  const { storeName = 'store', state = 'state', ...rest } = changes;
  const store = await ImageStore.open(join(folder.path, storeName));
  const result = await buildComponent({
    definition: await debianDefinition(join(folder.path, 'pkg', 'tool')),
    platform: { os: 'linux', architecture: 'amd64' },
    stateFolder: join(folder.path, state),
    archive,
    store,
    progress: () => {},
    ...rest,
  });
  return { store, ...result };
}

const failure = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OrlopError);
  return error as OrlopError;
};

describe('buildComponent', () => {
  it('makes an image of the packages and of the definition, under its hash and as latest', async () => {
    const { store, descriptor, reference, built, packages } = await build({});
    expect(built).toBe(true);
    expect(reference).toMatch(/^docker\.io\/orlop\/tool:[0-9a-f]{40}$/);
    expect(packages.map(({ name, version }) => `${name} ${version}`)).toEqual([
      'libtool 1.0',
      'tool 1:2.0-1',
    ]);
    expect(await store.find('orlop/tool')).toEqual(descriptor);
    const platform = { os: 'linux', architecture: 'amd64' };
    const image = await openImage(store, reference, platform);
    expect(image.config.created).toBe('1970-01-01T00:00:00Z');
    expect(image.config.config).toMatchObject({
      Cmd: ['tool'],
      Labels: {
        'org.mobyproject.config': '{"capabilities":["CAP_NET_ADMIN"]}',
        'org.opencontainers.image.revision': reference.slice(-40),
        'org.opencontainers.image.source': 'urn:orlop:component:orlop/tool',
      },
    });
    const names: string[] = [];
    for await (const { header } of flattenImage(store, image)) names.push(header.name);
    expect(names).toEqual(
      expect.arrayContaining(['usr/bin/tool', 'usr/share/libtool/data', 'var/lib/tool', 'etc/motd']),
    );
    expect(names.filter((name) => /helper|doc/.test(name))).toEqual([]);
    const [sbom] = await readSboms(store, descriptor, platform);
    expect(JSON.stringify(sbom)).toContain('pkg:deb/debian/tool@1:2.0-1?arch=amd64&distro=test');
  });

  it('is made once when two ask at the same time, who have the same', async () => {
    const both = await Promise.all([1, 2].map(() => build({ storeName: 'once', state: 'once' })));
    expect(both.map(({ built }) => built).sort()).toEqual([false, true]);
    expect(both[0]?.descriptor).toEqual(both[1]?.descriptor);
    expect(readdirSync(join(folder.path, 'once')).filter((name) => name.startsWith('building-'))).toEqual([]);
  });

  it('gives the same digests from another state and under another umask', async () => {
    const first = await build({});
    const before = process.umask(0o077);
    const again = await build({ storeName: 'other', state: 'other-state' }).finally(() =>
      process.umask(before),
    );
    expect(again.descriptor).toEqual(first.descriptor);
    expect(again.manifest).toEqual(first.manifest);
  });

  it('does nothing when the store has the content, unless forced', async () => {
    await build({});
    expect((await build({})).built).toBe(false);
    expect((await build({ force: true })).built).toBe(true);
  });

  it('joins platforms in one index, the same in either order', async () => {
    const arm64 = { platform: { os: 'linux', architecture: 'arm64' } };
    await build({});
    const later = await build(arm64);
    await build({ ...arm64, storeName: 'reversed' });
    const earlier = await build({ storeName: 'reversed' });
    expect(earlier.descriptor).toEqual(later.descriptor);
    const { manifests } = await later.store.readIndex(later.descriptor);
    expect(manifests.map((one) => one.platform?.architecture)).toEqual([
      'amd64',
      'arm64',
      'unknown',
      'unknown',
    ]);
  });

  it('needs no archive once the packages are there', async () => {
    await build({ state: 'offline', storeName: 'online' });
    const pool = join(archive.folder, 'pool');
    execFileSync('mv', [pool, `${pool}.gone`]);
    try {
      expect((await build({ state: 'offline', storeName: 'offline' })).built).toBe(true);
    } finally {
      execFileSync('mv', [`${pool}.gone`, pool]);
    }
  });

  it('is safe beside other builds of the same, into other stores', async () => {
    const stores = ['together-1', 'together-2', 'together-3'];
    const builds = await Promise.all(stores.map((storeName) => build({ state: 'together', storeName })));
    expect(builds.map(({ built }) => built)).toEqual([true, true, true]);
    expect(new Set(builds.map((one) => one.descriptor.digest)).size).toBe(1);
    expect(
      readdirSync(join(folder.path, 'together', 'packages')).filter((name) => !name.endsWith('.deb')),
    ).toEqual([]);
  });

  it('stops when it is told to, and leaves no half download', async () => {
    const stop = new AbortController();
    const reason = new OrlopError('test.stopped', 'cancelled', 'stopped by the test');
    const work = build({
      state: 'stopped',
      storeName: 'stopped',
      signal: stop.signal,
      progress: () => stop.abort(reason),
    });
    expect(await failure(work)).toBe(reason);
    expect(readdirSync(join(folder.path, 'stopped'), { recursive: true })).not.toContainEqual(
      expect.stringMatching(/incoming|\.deb/),
    );
  });

  it('removes what a process that was killed left of its calls of apt, once no call can be so old', async () => {
    await build({ storeName: 'leftovers', state: 'leftovers' });
    const apt = join(folder.path, 'leftovers', 'apt');
    const workspace = join(apt, readdirSync(apt).find((name) => name.startsWith('test-amd64')) ?? '');
    const left = [`apt-${randomUUID()}.conf`, `status-${randomUUID()}`, `status-${randomUUID()}`] as const;
    for (const name of left) writeFileSync(join(workspace, name), '');
    for (const name of left.slice(0, 2)) utimesSync(join(workspace, name), 1e9, 1e9);
    await build({ storeName: 'leftovers', state: 'leftovers', force: true });
    expect(readdirSync(workspace).filter((name) => left.some((one) => one === name))).toEqual([left[2]]);
  });

  it('says what apt says about packages that there are not', async () => {
    const definition = await debianDefinition(
      define('wrong', DEFINITION.replace('[tool]\n  without', '[no-such]\n  without')),
    );
    const error = await failure(build({ definition, force: true }));
    expect([error.code, error.message]).toEqual([
      'debian.unsolvable',
      'apt finds no way to install no-such: Unable to locate package no-such',
    ]);
  });

  it('refuses a source that is no file, naming it', async () => {
    const definition = await debianDefinition(
      define('of-folder', DEFINITION.replace('source: motd', 'source: .')),
    );
    const error = await failure(build({ definition, storeName: 'of-folder' }));
    expect([error.code, error.message]).toEqual([
      'debian.source-missing',
      `${definition.folder}, which the component needs, is no file`,
    ]);
  });

  it('refuses an architecture that the component is not for', async () => {
    const work = build({ platform: { os: 'linux', architecture: 's390x' } });
    expect((await failure(work)).code).toBe('debian.architecture-unsupported');
  });

  it('refuses indexes that are not signed by the keys', async () => {
    appendFileSync(join(archive.folder, 'dists/test/InRelease'), 'more');
    const text = execFileSync('sed', [
      's/^Codename: .*/Codename: forged/',
      join(archive.folder, 'dists/test/InRelease'),
    ]);
    writeFileSync(join(archive.folder, 'dists/test/InRelease'), text);
    const error = await failure(build({ state: 'forged', storeName: 'forged' }));
    archive.publish('test', ['amd64', 'arm64']);
    expect(error.code).toBe('debian.update-failed');
  });

  it('says that the mirror contradicts itself when an index is not what its Release says', async () => {
    const index = join(archive.folder, 'dists/test/main/binary-amd64/Packages');
    appendFileSync(index, '\n');
    const error = await failure(build({ state: 'stale', storeName: 'stale' }));
    archive.publish('test', ['amd64', 'arm64']);
    expect(error.code).toBe('debian.mirror-inconsistent');
    expect(error.message).toMatch(
      /^the Debian mirror contradicts itself on test for amd64: of what its signed Release lists, test\/main\/binary-amd64\/Packages has /,
    );
    expect(error.hint).toContain('ORLOP_DEBIAN_UPDATES=no');
  });

  it('refuses a package that is not what the signed index says', async () => {
    const [entry] = PACKAGES;
    const file = archive.file(entry as (typeof PACKAGES)[number]);
    execFileSync('cp', [file, `${file}.good`]);
    appendFileSync(file, 'x');
    const error = await failure(build({ state: 'tampered', storeName: 'tampered' }));
    execFileSync('mv', [`${file}.good`, file]);
    expect(error.code).toBe('debian.download-failed');
    rmSync(join(folder.path, 'tampered'), { recursive: true });
  });
});

describe('findComponent', () => {
  it('finds a component by its repository, written short or expanded', async () => {
    const folders = [join(folder.path, 'nowhere'), join(folder.path, 'pkg')];
    expect((await findComponent(folders, 'orlop/tool'))?.image).toBe('tool');
    expect((await findComponent(folders, 'docker.io/orlop/tool'))?.image).toBe('tool');
    expect(await findComponent(folders, 'linuxkit/tool')).toBeUndefined();
    expect(await findComponent(folders, 'orlop/other')).toBeUndefined();
  });
});
