import { execFileSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageStore, importArchive } from '@orlop/oci';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listPackages } from '../sbom/diff.ts';
import { readSbom } from '../sbom/read-sbom.ts';
import { buildSmall, putImage, tarBytes } from '../testing/small-images.ts';

const { signal } = new AbortController();
let root: TemporaryFolder;
let store: ImageStore;

beforeAll(async () => {
  root = await temporaryFolder('kit-oci');
  store = await ImageStore.open(join(root.path, 'store'));
  const modules = await tarBytes([['lib/'], ['lib/modules/'], ['lib/modules/6.12/']]);
  await putImage(store, 'kernel:1', {
    layers: [
      [
        ['kernel', 'KERNEL'],
        ['kernel.tar', modules],
        ['ucode.cpio', 'MICROCODE'],
      ],
    ],
  });
  await putImage(store, 'plain:1', {
    layers: [[['bin/'], ['bin/sh', 'sh', 0o755]]],
    sbom: {
      SPDXID: 'SPDXRef-DOCUMENT',
      packages: [{ SPDXID: 'SPDXRef-Package-sh', name: 'sh', versionInfo: '1' }],
    },
  });
  await writeFile(
    join(root.path, 'image.yml'),
    'kernel: {image: kernel:1, cmdline: console=ttyS0}\ninit: [plain:1]\n',
  );
  await buildSmall({
    store,
    folder: root.path,
    formats: ['oci', 'kernel+initrd', 'tar'],
    options: { name: 'My_Image', initrdCompression: 'gzip', cycloneDx: 'image.cdx.json' },
  });
});
afterAll(() => root.remove());

describe('the format oci', () => {
  it('is an image layout of an artifact, as skopeo copies it', async () => {
    const archive = join(root.path, 'My_Image.oci.tar');
    const raw = execFileSync('skopeo', ['inspect', '--raw', `oci-archive:${archive}`], { encoding: 'utf8' });
    const manifest = JSON.parse(raw);
    expect(manifest.artifactType).toBe('application/vnd.orlop.boot.v1');
    const copy = join(root.path, 'copy');
    execFileSync('skopeo', ['copy', '--quiet', `oci-archive:${archive}`, `oci:${copy}:x`]);
    const titles: string[] = [];
    for (const layer of manifest.layers) {
      const title = layer.annotations['org.opencontainers.image.title'];
      titles.push(title);
      const blob = await readFile(join(copy, 'blobs', layer.digest.replace(':', '/')));
      expect(blob.equals(await readFile(join(root.path, title)))).toBe(true);
    }
    expect(titles).toEqual(['My_Image-kernel', 'My_Image-initrd.img', 'My_Image-cmdline']);
  });

  it('comes into a store under a name that registries take', async () => {
    const other = await ImageStore.open(join(root.path, 'other'));
    const images = await importArchive(other, createReadStream(join(root.path, 'My_Image.oci.tar')));
    expect(images.map(({ name }) => name)).toEqual(['docker.io/library/my-image:latest']);
    const [image] = images;
    if (image === undefined) throw new Error('nothing was imported');
    expect(image.descriptor.platform).toEqual({ os: 'linux', architecture: 'amd64' });
  });

  it('is the same twice', async () => {
    const first = await readFile(join(root.path, 'My_Image.oci.tar'));
    await buildSmall({
      store,
      folder: root.path,
      formats: ['oci'],
      options: { name: 'My_Image', initrdCompression: 'gzip' },
    });
    expect((await readFile(join(root.path, 'My_Image.oci.tar'))).equals(first)).toBe(true);
  });
});

describe('readSbom', () => {
  it.each(['My_Image.tar', 'My_Image-initrd.img', 'image.cdx.json'])('finds the list in %s', async (file) => {
    const found = listPackages(await readSbom(join(root.path, file), { signal }));
    expect(found?.map(({ name }) => name)).toEqual([
      'docker.io/library/kernel',
      'docker.io/library/plain',
      'sh',
    ]);
  });

  it('finds it in an uncompressed initial RAM disk behind microcode', async () => {
    const image = join(root.path, 'with-microcode.img');
    await writeFile(
      join(root.path, 'image.yml'),
      'kernel: {image: kernel:1, cmdline: console=ttyS0, ucode: ucode.cpio}\ninit: [plain:1]\n',
    );
    await buildSmall({
      store,
      folder: root.path,
      formats: ['kernel+initrd'],
      options: { name: 'bare', initrdCompression: 'none' },
    });
    // In place of the fixture's microcode, which is no archive, a real one.
    const initrd = (await readFile(join(root.path, 'bare-initrd.img'))).subarray('MICROCODE'.length + 3);
    const early = execFileSync('cpio', ['-o', '-H', 'newc', '--quiet'], {
      input: 'image.yml\n',
      cwd: root.path,
    });
    await writeFile(image, Buffer.concat([early, initrd]));
    const found = listPackages(await readSbom(image, { signal }));
    expect(found?.map(({ name }) => name)).toContain('sh');
  });

  it('says what has none', async () => {
    await writeFile(join(root.path, 'words'), 'something else entirely');
    await expect(readSbom(join(root.path, 'words'), { signal })).rejects.toMatchObject({
      code: 'kit.no-sbom',
    });
    await expect(readSbom(join(root.path, 'nowhere'), { signal })).rejects.toMatchObject({
      code: 'kit.source-unreadable',
    });
  });
});
