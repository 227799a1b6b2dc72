import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Descriptor, ImageStore } from '@orlop/oci';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostSources } from '../config/host-sources.ts';
import { ImageResolver, type ResolverOptions } from '../resolve/resolver.ts';
import { buildSmall, PLATFORM, putImage } from '../testing/small-images.ts';
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
});
