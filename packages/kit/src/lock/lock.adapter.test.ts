import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Descriptor, type Digest, ImageStore } from '@orlop/oci';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostSources } from '../config/host-sources.ts';
import { ImageResolver, type ResolverOptions } from '../resolve/resolver.ts';
import { emptyProgram } from '../testing/boot-programs.ts';
import { buildSmall, PLATFORM, putImage, tarBytes } from '../testing/small-images.ts';
import { type Lock, mergeLocks } from './lock-file.ts';
import { lockImages } from './lock-images.ts';

const REDIS = 'docker.io/orlop/redis:latest';

describe('a locked build', () => {
  let root: TemporaryFolder;
  let store: ImageStore;
  const { signal } = new AbortController();

  beforeEach(async () => {
    root = await temporaryFolder('kit-lock');
    store = await ImageStore.open(join(root.path, 'store'));
    await put('first');
    await writeFile(join(root.path, 'image.yml'), 'init: [linuxkit/redis:abc]\n');
  });
  afterEach(() => root.remove());

  /** Gives the image another content, and whatever it was before no name. */
  async function put(content: string): Promise<Descriptor> {
    await putImage(store, 'orlop/redis', {
      layers: [[['a', content]]],
      sbom: { SPDXID: 'SPDXRef-DOCUMENT', packages: [{ SPDXID: 'SPDXRef-Package-a', name: 'a' }] },
    });
    const found = await store.find('orlop/redis');
    if (found === undefined) throw new Error('was not stored');
    return found;
  }

  const resolver = (options: Partial<ResolverOptions> = {}) =>
    new ImageResolver({
      store,
      platform: PLATFORM,
      pull: 'never',
      rules: [{ pattern: 'linuxkit/*', replacement: 'orlop/*' }],
      signal,
      ...options,
    });
  const sources = () =>
    new HostSources({
      cwd: root.path,
      home: undefined,
      stdin: (async function* () {})(),
      componentReference: async (path) => path,
      signal,
    });
  const lockNow = () =>
    lockImages({ locations: ['image.yml'], sources: sources(), resolver: resolver(), platform: PLATFORM });

  async function build(name: string, options: Partial<ResolverOptions>): Promise<Buffer> {
    const folder = join(root.path, name);
    await mkdir(folder);
    await writeFile(join(folder, 'image.yml'), await readFile(join(root.path, 'image.yml')));
    await buildSmall({ store, folder, formats: ['tar'], options: { resolver: resolver(options) } });
    return readFile(join(folder, 'image.tar'));
  }

  it('pins what comes after substitution, to the manifest of the platform', async () => {
    const lock = await lockNow();
    expect([...lock.keys()]).toEqual([REDIS]);
    expect(lock.get(REDIS)?.source).toBe((await store.find('orlop/redis'))?.digest);
  });

  it('gives the same bytes as the build that it was made of, though the tag moved since', async () => {
    const free = await build('free', {});
    const lock = await lockNow();
    const old = await store.find('orlop/redis');
    if (old === undefined) throw new Error('was not stored');
    await store.tag('orlop/redis:kept', old);
    await put('second');
    expect((await build('locked', { lock })).equals(free)).toBe(true);
    expect((await build('unlocked', {})).equals(free)).toBe(false);
  });

  it('asks the registry by digest for what the store has no more', async () => {
    const lock = await lockNow();
    const asked: string[] = [];
    const pullImage = async (reference: string) => {
      asked.push(reference);
      return put('other');
    };
    await put('second');
    await expect(build('pulled', { lock, pull: 'missing', pullImage })).rejects.toMatchObject({
      code: 'kit.lock-differs',
      problems: [
        { message: expect.stringContaining(`is locked as ${lock.get(REDIS)?.platforms.get('linux/amd64')}`) },
      ],
    });
    expect(asked).toEqual([`docker.io/orlop/redis@${lock.get(REDIS)?.source}`]);
  });

  it('fails when a component is no more what it was', async () => {
    const lock = await lockNow();
    const changed = await put('changed');
    await expect(build('component', { lock, component: async () => changed })).rejects.toMatchObject({
      code: 'kit.lock-differs',
      problems: [{ message: expect.stringContaining('the component is sha256:') }],
      hint: expect.stringContaining('orlop lock'),
    });
  });

  it('fails for what the lock does not have, be it the image or its platform', async () => {
    const other: Lock = mergeLocks(new Map(), new Map());
    await expect(build('absent', { lock: other })).rejects.toMatchObject({
      problems: [{ message: `init[0]: the lock does not have ${REDIS}` }],
    });
    const lock = await lockNow();
    const platform = { os: 'linux', architecture: 'arm64' };
    await expect(build('platform', { lock, platform })).rejects.toMatchObject({
      problems: [{ message: `init[0]: the lock does not have ${REDIS} for linux/arm64` }],
    });
  });

  it('takes the boot programs of a format that it has, and fails without them, or when they are others', async () => {
    const kernel = new Uint8Array(100_000).fill(7);
    await putImage(store, 'kernel:1', {
      layers: [
        [
          ['kernel', kernel],
          ['kernel.tar', await tarBytes([])],
        ],
      ],
    });
    const putLoader = (content: string) =>
      putImage(store, 'orlop/boot-efi', {
        layers: [
          [
            ['usr/lib/linuxx64.efi.stub', emptyProgram()],
            ['usr/lib/systemd-bootx64.efi', content],
          ],
        ],
      });
    await putLoader('loader');
    const locked = async (name: string, lock: Lock) => {
      const folder = join(root.path, name);
      await mkdir(folder);
      await writeFile(join(folder, 'image.yml'), 'kernel: {image: "kernel:1"}\ninit: [linuxkit/redis:abc]\n');
      const options = { resolver: resolver({ lock }) };
      await buildSmall({ store, folder, formats: ['raw-efi'], options }).finally(async () => {
        expect((await readdir(folder)).filter((file) => file.startsWith('.'))).toEqual([]);
      });
      return readdir(folder);
    };
    await writeFile(
      join(root.path, 'image.yml'),
      'kernel: {image: "kernel:1"}\ninit: [linuxkit/redis:abc]\n',
    );
    await expect(locked('without', await lockNow())).rejects.toMatchObject({
      code: 'kit.not-locked',
      message: 'the lock does not have docker.io/orlop/boot-efi:latest',
      hint: expect.stringContaining('--format FORMAT'),
    });
    const whole = await lockImages({
      ...{ locations: ['image.yml'], sources: sources(), resolver: resolver(), platform: PLATFORM },
      components: ['boot-efi'],
    });
    expect(await locked('with', whole)).toEqual(['image-efi.img', 'image.yml']);
    const first = await store.find('orlop/boot-efi');
    if (first === undefined) throw new Error('was not stored');
    await store.tag('orlop/boot-efi:kept', first);
    await putLoader('another loader');
    expect(await locked('pinned', whole)).toEqual(['image-efi.img', 'image.yml']);
    const foreign = `sha256:${'0'.repeat(64)}` as Digest;
    const wrong = { source: foreign, platforms: new Map([['linux/amd64', foreign]]) };
    const others: Lock = new Map([...whole, ['docker.io/orlop/boot-efi:latest', wrong]]);
    await expect(locked('others', others)).rejects.toMatchObject({
      message: expect.stringContaining('docker.io/orlop/boot-efi:latest'),
    });
  });
});
