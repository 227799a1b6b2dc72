import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { bytesBody, type EntryStream, writeTar } from '@orlop/archive';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ExportOptions, exportImage } from './export-image.ts';
import { importArchive } from './import-archive.ts';
import { ANNOTATION, MEDIA } from './media-types.ts';
import { gzipParallel } from './parallel-gzip.ts';
import { attachSbom, readSboms } from './sbom.ts';
import { ImageStore } from './store.ts';
import type { Descriptor } from './types.ts';
import { writeImage, writeIndex } from './write-image.ts';

const run = promisify(execFile);
const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };

async function* files(contents: Readonly<Record<string, string>>): EntryStream {
  for (const [name, content] of Object.entries(contents)) {
    const bytes = new TextEncoder().encode(content);
    yield {
      header: { name, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0, sizeBytes: bytes.length },
      body: bytesBody(bytes),
    };
  }
}

describe('importArchive and exportImage', () => {
  let folder: TemporaryFolder;
  let store: ImageStore;
  let other: ImageStore;
  let index: Descriptor;
  let manifest: Descriptor;

  beforeEach(async () => {
    folder = await temporaryFolder('archives');
    store = await ImageStore.open(join(folder.path, 'store'));
    other = await ImageStore.open(join(folder.path, 'other'));
    manifest = await writeImage(store, { platform: amd64, config: {}, layers: [files({ a: '1', b: '2' })] });
    const second = await writeImage(store, { platform: arm64, config: {}, layers: [files({ a: 'arm' })] });
    index = await attachSbom(store, {
      index: await writeIndex(store, [manifest, second]),
      platform: amd64,
      document: { spdxVersion: 'SPDX-2.3' },
    });
    await store.tag('team/app:1', index);
    await store.tag('team/single:1', manifest);
  });
  afterEach(() => folder.remove());

  const file = () => join(folder.path, 'archive.tar');
  const exportTo = (options: Partial<ExportOptions>) =>
    pipeline(
      exportImage(store, { reference: 'team/app:1', format: 'oci', ...options }),
      createWriteStream(file()),
    );
  const importFrom = (name?: string) =>
    importArchive(other, createReadStream(file()), name === undefined ? {} : { name });

  it('lose nothing of an image with several platforms and an SBOM', async () => {
    await exportTo({});
    expect(await importFrom()).toEqual([{ name: 'docker.io/team/app:1', descriptor: index }]);
    expect(await other.reachable(index)).toEqual(await store.reachable(index));
    expect(await readSboms(other, index, amd64)).toHaveLength(1);
    expect(await readdir(join(other.folder, 'blobs/sha256'))).toHaveLength(
      (await store.reachable(index)).size,
    );
  });

  it('lose nothing of a single manifest, as a layout and for docker', async () => {
    for (const format of ['oci', 'docker'] as const) {
      await exportTo({ reference: 'team/single:1', format, platform: amd64, name: `copy/${format}:2` });
      expect(await importFrom()).toEqual([
        { name: `docker.io/copy/${format}:2`, descriptor: { ...manifest } },
      ]);
    }
  });

  it('export a single manifest for its own platform only', async () => {
    for (const format of ['oci', 'docker'] as const) {
      const wrong = exportTo({ reference: 'team/single:1', format, platform: arm64 });
      await expect(wrong).rejects.toMatchObject({ code: 'oci.platform-not-found' });
    }
  });

  it('write archives that skopeo reads, and read those that skopeo writes', async () => {
    await exportTo({ format: 'docker', platform: arm64 });
    const { stdout } = await run('skopeo', ['inspect', `docker-archive:${file()}`]);
    expect(JSON.parse(stdout)).toMatchObject({ Architecture: 'arm64' });
    const saved = join(folder.path, 'saved.tar');
    await run('skopeo', ['copy', '-q', `docker-archive:${file()}`, `docker-archive:${saved}:team/saved:3`]);
    const [fromDocker] = await importArchive(other, createReadStream(saved));
    expect(fromDocker?.name).toBe('docker.io/team/saved:3');
    const names: string[] = [];
    await other.tag('x', (fromDocker as { descriptor: Descriptor }).descriptor);
    for await (const chunk of exportImage(other, { reference: 'x', format: 'filesystem', platform: arm64 }))
      names.push(Buffer.from(chunk).toString('latin1'));
    expect(names.join('')).toContain('arm');
    const layout = join(folder.path, 'layout.tar');
    await exportTo({});
    await run('skopeo', [
      'copy',
      '--all',
      '-q',
      `oci-archive:${file()}`,
      `oci-archive:${layout}:team/layout:4`,
    ]);
    expect(await importArchive(other, createReadStream(layout))).toMatchObject([
      { name: 'docker.io/team/layout:4', descriptor: { digest: index.digest } },
    ]);
  });

  it('read compressed archives, and either naming annotation', async () => {
    await exportTo({});
    const packed = gzipParallel(createReadStream(file()));
    expect(await importArchive(other, packed)).toHaveLength(1);
    for (const key of [ANNOTATION.imageName, ANNOTATION.refName]) {
      const bytes = Buffer.from(await store.readDocument(manifest)).toString();
      const layout = {
        schemaVersion: 2,
        manifests: [{ ...manifest, annotations: { [key]: `by/${key.split('.')[1]}:1` } }],
      };
      const blob = (digest: string) => `blobs/${digest.replace(':', '/')}`;
      const { config, layers } = await store.readManifest(manifest);
      const parts: Record<string, string> = {
        'index.json': JSON.stringify(layout),
        [blob(manifest.digest)]: bytes,
      };
      parts[blob(config.digest)] = Buffer.from(await store.readDocument(config)).toString();
      await store.readDocument(layers[0] as Descriptor);
      expect(await importArchive(await storeWithLayers(), writeTar(files(parts)))).toMatchObject([
        { name: `docker.io/by/${key.split('.')[1]}:1` },
      ]);
    }
  });

  async function storeWithLayers(): Promise<ImageStore> {
    const half = await ImageStore.open(join(folder.path, 'half'));
    const { layers } = await store.readManifest(manifest);
    for (const layer of layers) await half.writeBlob(store.readBlob(layer), { mediaType: MEDIA.layerGzip });
    return half;
  }

  it('refuse what is no image, has no name, or lies about its content', async () => {
    const importFiles = (contents: Record<string, string>, name?: string) =>
      importArchive(other, writeTar(files(contents)), name === undefined ? {} : { name });
    await expect(importFiles({ readme: 'hello' })).rejects.toThrow(
      'neither an OCI image layout nor of docker save',
    );
    await expect(importFiles({ repositories: '{}' })).rejects.toThrow('older than 1.10');
    await expect(importFiles({ [`blobs/sha256/${'0'.repeat(64)}`]: 'x' })).rejects.toMatchObject({
      code: 'oci.digest-mismatch',
    });
    await expect(importFiles({ 'index.json': '{"schemaVersion":2,"manifests":[]}' })).rejects.toThrow(
      'has no image',
    );
    await expect(importFiles({ 'manifest.json': '{}' })).rejects.toThrow('is no list');
    await expect(importFiles({ 'manifest.json': '[{"Config":"c.json","Layers":[]}]' })).rejects.toThrow(
      'has no file "c.json"',
    );
    const config = JSON.stringify({ ...amd64, rootfs: { type: 'layers', diff_ids: [] } });
    const unnamed = {
      'manifest.json': '[{"Config":"c.json","RepoTags":null,"Layers":[]}]',
      'c.json': config,
    };
    await expect(importFiles(unnamed)).rejects.toMatchObject({ hint: expect.stringContaining('--name') });
    expect(await importFiles(unnamed, 'called/so')).toMatchObject([{ name: 'docker.io/called/so:latest' }]);
    expect((await other.list()).map(({ name }) => name)).toEqual(['docker.io/called/so:latest']);
  });

  it('leave nothing of an archive that cannot be used', async () => {
    const isEmpty = async () => (await readdir(join(other.folder, 'blobs', 'sha256'))).length === 0;
    await exportTo({});
    const whole = await readFile(file());
    async function* cut(): AsyncGenerator<Uint8Array> {
      yield whole.subarray(0, whole.length / 2);
    }
    await expect(importArchive(other, cut())).rejects.toMatchObject({ code: 'archive.truncated' });
    expect(await isEmpty()).toBe(true);
    await expect(importArchive(other, writeTar(files({ a: '1', b: '2' })))).rejects.toThrow('neither');
    expect(await isEmpty()).toBe(true);
  });

  it('look at a part of an image once, however often its indexes name it', async () => {
    let nested = manifest;
    for (let level = 0; level < 3; level++)
      nested = await writeIndex(
        store,
        Array.from({ length: 200 }, () => nested),
      );
    await store.tag('team/nested:1', nested);
    expect((await store.find('team/nested:1'))?.digest).toBe(nested.digest);
  });

  it('write the same bytes each time', async () => {
    const digest = async () => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of exportImage(store, { reference: 'team/app:1', format: 'oci' }))
        chunks.push(chunk);
      return Buffer.concat(chunks);
    };
    expect((await digest()).equals(await digest())).toBe(true);
  });
});
