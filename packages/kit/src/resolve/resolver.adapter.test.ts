import { join } from 'node:path';
import { type Descriptor, ImageStore } from '@orlop/oci';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PLATFORM, putImage } from '../testing/small-images.ts';
import { ImageResolver, type ResolverOptions } from './resolver.ts';

let root: TemporaryFolder;
let store: ImageStore;
let component: Descriptor;
let remote: Descriptor;

beforeAll(async () => {
  root = await temporaryFolder('kit-resolver');
  store = await ImageStore.open(join(root.path, 'store'));
  await putImage(store, 'orlop/redis', { layers: [[['a', 'stale']]] });
  await putImage(store, 'plain:1', { layers: [[['a', 'stored']]] });
  await putImage(store, 'hidden/component', { layers: [[['a', 'built']]] });
  await putImage(store, 'hidden/remote', { layers: [[['a', 'pulled']]] });
  const found = async (name: string) => {
    const descriptor = await store.find(name);
    if (descriptor === undefined) throw new Error(`${name} was not stored`);
    return descriptor;
  };
  component = await found('hidden/component');
  remote = await found('hidden/remote');
});
afterAll(() => root.remove());

/** Resolves one reference and gives the content of its only file, with what was asked on the way. */
async function resolve(written: string, options: Partial<ResolverOptions> = {}) {
  const asked: string[] = [];
  const resolver = new ImageResolver({
    store,
    platform: PLATFORM,
    component: async (repository, tag) => {
      asked.push(`component ${repository}:${tag}`);
      return repository === 'docker.io/orlop/redis' && tag === 'latest' ? component : undefined;
    },
    pullImage: async (reference) => {
      asked.push(`pull ${reference}`);
      return remote;
    },
    signal: new AbortController().signal,
    ...options,
  });
  const placed = { value: written, position: { file: 'a.yml', line: 1, column: 1 }, path: 'init[0]' };
  await resolver.resolveAll([placed]);
  const image = resolver.get(placed);
  let text = '';
  for await (const { body } of image.entries())
    for await (const chunk of body) text += Buffer.from(chunk).toString();
  return { text, asked, reference: image.reference };
}

describe('ImageResolver', () => {
  it('prefers the component as it is now to an older image of the same name', async () => {
    const { text, reference } = await resolve('orlop/redis');
    expect([text, reference]).toEqual(['built', 'docker.io/orlop/redis:latest']);
  });

  it('takes from the store what no component defines, without asking a registry', async () => {
    const { text, asked } = await resolve('plain:1');
    expect([text, asked]).toEqual(['stored', ['component docker.io/library/plain:1']]);
  });

  it('pulls what is nowhere else, or everything when told to', async () => {
    expect((await resolve('other:2')).asked).toContain('pull docker.io/library/other:2');
    expect((await resolve('plain:1', { pull: 'always' })).text).toBe('pulled');
  });

  it('never pulls when told not to', async () => {
    await expect(resolve('other:2', { pull: 'never' })).rejects.toMatchObject({
      code: 'kit.image-not-found',
      problems: [{ message: 'init[0]: the image docker.io/library/other:2 is not in the store' }],
    });
  });

  it('pulls an image that the store has for another platform only', async () => {
    const platform = { os: 'linux', architecture: 'riscv64' };
    await expect(resolve('plain:1', { platform, pull: 'never' })).rejects.toMatchObject({
      problems: [{ message: expect.stringContaining('is not made for linux/riscv64') }],
    });
    const asked: string[] = [];
    const pullImage = async (reference: string) => {
      asked.push(reference);
      return remote;
    };
    await expect(resolve('plain:1', { platform, pullImage })).rejects.toMatchObject({
      code: 'kit.image-not-found',
    });
    expect(asked).toEqual(['docker.io/library/plain:1']);
  });

  it('looks for what takes the place of an image', async () => {
    const rules = [{ pattern: 'linuxkit/*', replacement: 'orlop/*' }];
    expect((await resolve('linuxkit/redis:abc', { rules })).text).toBe('built');
  });

  it('says what to do where an image of LinuxKit is missing', async () => {
    await expect(resolve('linuxkit/init:abc', { pull: 'never' })).rejects.toMatchObject({
      hint: expect.stringContaining('--substitutions'),
    });
  });
});
