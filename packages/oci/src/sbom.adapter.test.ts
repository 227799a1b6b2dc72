import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { attachSbom, readSboms } from './sbom.ts';
import { ImageStore } from './store.ts';
import { writeImage, writeIndex } from './write-image.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };

describe('readSboms', () => {
  let folder: TemporaryFolder;
  let store: ImageStore;

  beforeEach(async () => {
    folder = await temporaryFolder('sboms');
    store = await ImageStore.open(join(folder.path, 'store'));
  });
  afterEach(() => folder.remove());

  const withSbom = async (comment: string) => {
    const manifest = await writeImage(store, { platform: amd64, config: {}, layers: [] });
    const document = { spdxVersion: 'SPDX-2.3', comment };
    return attachSbom(store, { index: await writeIndex(store, [manifest]), platform: amd64, document });
  };

  it('reads one that is longer than other documents', async () => {
    const comment = 'x'.repeat(9 << 20);
    expect(await readSboms(store, await withSbom(comment), amd64)).toEqual([
      { spdxVersion: 'SPDX-2.3', comment },
    ]);
  });

  it('refuses one that would not fit into memory, before it is read', async () => {
    const index = await withSbom('x'.repeat(64 << 20));
    await expect(readSboms(store, index, amd64)).rejects.toMatchObject({
      code: 'oci.bad-document',
      message: expect.stringMatching(/^sha256:\w+ has 6710\d+ bytes; .* has 67108864 at the most$/),
    });
  });
});
