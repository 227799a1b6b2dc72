import { join } from 'node:path';
import { ImageStore, writeImage, writeIndex } from '@orlop/oci';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { componentLabels } from './component-labels.ts';
import { supersededImages } from './superseded.ts';

const OLD = 'a'.repeat(40);
const NEW = 'b'.repeat(40);

describe('supersededImages', () => {
  let folder: TemporaryFolder;
  let store: ImageStore;
  beforeEach(async () => {
    folder = await temporaryFolder('superseded');
    store = await ImageStore.open(join(folder.path, 'store'));
  });
  afterEach(() => folder.remove());

  /** An image that says of itself to be `image` of orlop in the state `hash`, under names of its repository. */
  async function build({
    image = 'tool',
    hash,
    tags,
    repository = `orlop/${image}`,
    architecture = 'amd64',
  }: {
    readonly image?: string;
    readonly hash: string;
    readonly tags: readonly string[];
    readonly repository?: string;
    readonly architecture?: string;
  }): Promise<void> {
    const Labels = componentLabels({ organisation: 'orlop', image }, hash);
    const platform = { os: 'linux', architecture };
    const index = await writeIndex(store, [
      await writeImage(store, { platform, config: { config: { Labels } }, layers: [] }),
    ]);
    for (const tag of tags) await store.tag(`${repository}:${tag}`, index);
  }

  const names = async () => (await supersededImages(store)).images.map(({ name }) => name);

  it('are those named by a hash whose latest is of another, and what they alone hold is counted', async () => {
    await build({ hash: OLD, tags: [OLD, `v1-${OLD}`] });
    expect(await supersededImages(store)).toMatchObject({ images: [], sizeBytes: 0 });
    const { storeBytes: before } = await supersededImages(store);
    await build({ hash: NEW, tags: [NEW, 'latest'] });
    const { images, sizeBytes, storeBytes } = await supersededImages(store);
    expect(images.map(({ name }) => name)).toEqual([
      `docker.io/orlop/tool:${OLD}`,
      `docker.io/orlop/tool:v1-${OLD}`,
    ]);
    expect(sizeBytes).toBe(before);
    expect(storeBytes).toBeGreaterThan(before);
  });

  it('are not those that the user named, nor what is no component, nor a component of another name', async () => {
    await build({ hash: OLD, tags: ['mine', '1.0'] });
    await build({ hash: NEW, tags: ['latest'] });
    await build({ hash: OLD, tags: [OLD], repository: 'team/app' });
    await build({ hash: NEW, tags: ['latest'], repository: 'team/app' });
    await build({ image: 'other', hash: OLD, tags: [OLD] });
    expect(await names()).toEqual([]);
  });

  it('are not platforms of the latest that have names of their own', async () => {
    await build({ hash: NEW, tags: [NEW, 'latest'] });
    const index = await store.find('orlop/tool');
    if (index === undefined) throw new Error('not built');
    const [manifest] = (await store.readIndex(index)).manifests;
    if (manifest === undefined) throw new Error('an empty index');
    await store.tag(`orlop/tool:${NEW}-amd64`, manifest);
    await build({ hash: OLD, tags: [OLD], architecture: 'arm64' });
    expect(await names()).toEqual([`docker.io/orlop/tool:${OLD}`]);
  });
});
