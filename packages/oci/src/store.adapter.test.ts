import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bytesBody, type EntryStream } from '@orlop/archive';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openImage } from './image.ts';
import { ImageStore } from './store.ts';
import type { Descriptor } from './types.ts';
import { writeImage, writeIndex } from './write-image.ts';

const run = promisify(execFile);
const amd64 = { os: 'linux', architecture: 'amd64' };

async function* layer(content: string): EntryStream {
  const bytes = new TextEncoder().encode(content);
  yield {
    header: { name: 'f', type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0, sizeBytes: bytes.length },
    body: bytesBody(bytes),
  };
}

async function* textOf(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

describe('ImageStore', () => {
  let folder: TemporaryFolder;
  let programs: TemporaryFolder;
  let writer: string;
  let store: ImageStore;

  beforeAll(async () => {
    programs = await temporaryFolder('writer');
    writer = join(programs.path, 'store-writer.mjs');
    await build({
      entryPoints: [join(import.meta.dirname, 'fixture/store-writer.ts')],
      outfile: writer,
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'error',
      banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    });
  });
  afterAll(() => programs.remove());
  beforeEach(async () => {
    folder = await temporaryFolder('store');
    store = await ImageStore.open(folder.path);
  });
  afterEach(() => folder.remove());

  function start(prefix: string, count: number): ChildProcess {
    return spawn(process.execPath, [writer, folder.path, prefix, String(count)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  async function simpleImage(content: string, architecture = 'amd64'): Promise<Descriptor> {
    const platform = { os: 'linux', architecture };
    return writeImage(store, { platform, config: {}, layers: [layer(content)] });
  }

  it.each(['', '{', '[]', '{"schemaVersion":2,"manifests":[{"digest":"sha256:1"}]}'])(
    'names its list of images when that is damaged, and what helps: %j',
    async (text) => {
      await writeFile(join(folder.path, 'index.json'), text);
      await expect((await ImageStore.open(folder.path)).list()).rejects.toMatchObject({
        code: 'oci.store-unusable',
        message: `the list of images ${folder.path}/index.json is damaged`,
        hint: expect.stringContaining('remove that file'),
      });
    },
  );

  it('is a layout that skopeo reads, by name, with all platforms', async () => {
    const index = await writeIndex(store, [await simpleImage('a'), await simpleImage('a', 'arm64')]);
    await store.tag('redis:8', index);
    const source = `oci:${folder.path}:docker.io/library/redis:8`;
    const { stdout } = await run('skopeo', ['inspect', '--override-arch', 'arm64', source]);
    expect(JSON.parse(stdout)).toMatchObject({ Architecture: 'arm64', Digest: index.digest });
    const copy = join(folder.path, 'copy');
    await run('skopeo', ['copy', '--all', '-q', source, `dir:${copy}`]);
    expect(JSON.parse(await readFile(join(copy, 'manifest.json'), 'utf8')).manifests).toHaveLength(2);
  });

  it('reads a layout that skopeo wrote', async () => {
    await store.tag('redis:8', await simpleImage('a'));
    const other = join(folder.path, 'other');
    const source = `oci:${folder.path}:docker.io/library/redis:8`;
    await run('skopeo', ['copy', '-q', source, `oci:${other}:redis:8`]);
    const opened = await ImageStore.open(other);
    expect((await openImage(opened, 'redis:8', amd64)).descriptor.digest).toBe(
      (await store.find('redis:8'))?.digest,
    );
  });

  it('keeps what two processes name at once', async () => {
    const count = 25;
    const writers = [start('left', count), start('right', count)];
    for (const child of writers) child.stdout?.resume();
    const statuses = await Promise.all(writers.map(async (child) => (await once(child, 'close'))[0]));
    expect(statuses).toEqual([0, 0]);
    expect(await store.list()).toHaveLength(2 * count);
    expect((await readdir(folder.path)).filter((name) => name.startsWith('index.'))).toEqual(['index.json']);
  });

  it('keeps what two stores of one process write and name at once', async () => {
    const second = await ImageStore.open(folder.path);
    const stores = [store, second];
    const images = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const one = stores[i % 2] as ImageStore;
        const image = await writeImage(one, {
          platform: amd64,
          config: { author: `number ${i}` },
          layers: [],
        });
        await one.tag(`image-${i}`, image);
        return image;
      }),
    );
    const listed = await store.list();
    expect(listed).toHaveLength(60);
    for (const [i, image] of images.entries()) {
      expect((await second.find(`image-${i}`))?.digest).toBe(image.digest);
      expect(await second.readManifest(image)).toMatchObject({ schemaVersion: 2 });
    }
    expect(await readdir(join(folder.path, 'tmp'))).toEqual([]);
    expect(await readdir(join(folder.path, 'leases'))).toEqual([]);
  });

  it('spares what another store of this process is about to name', async () => {
    const second = await ImageStore.open(folder.path);
    const stray = await second.writeBlob(textOf('in use over there'), { mediaType: 'x/y' });
    await store.sweep();
    expect(await store.hasBlob(stray)).toBe(true);
  });

  it('keeps an image that is read from the sweep of another store, whatever is named meanwhile', async () => {
    const reader = await ImageStore.open(folder.path);
    const image = await simpleImage('read over there');
    await store.tag('read', image);
    await reader.keep(image);
    await reader.tag('another', await simpleImage('pulled meanwhile'));
    await store.untag('read');
    await store.sweep();
    const [part] = (await reader.readManifest(image)).layers;
    expect(part !== undefined && (await reader.hasBlob(part))).toBe(true);
    await reader.tag('another', await simpleImage('the last'));
    await store.tag('last', await simpleImage('the last'));
    await reader.release();
    await store.sweep();
    await expect(reader.keep(image)).rejects.toMatchObject({ code: 'oci.blob-not-found' });
    await reader.release();
    expect(await readdir(join(folder.path, 'leases'))).toEqual([]);
  });

  it('is whole after kill -9, and goes on', async () => {
    for (const after of [1, 3, 6]) {
      const child = start(`killed-${after}`, 1000);
      let lines = 0;
      child.stdout?.on('data', (text: Buffer) => {
        lines += text.toString().split('\n').length - 1;
        if (lines >= after) child.kill('SIGKILL');
      });
      await once(child, 'close');
      const images = await store.list();
      expect(images.length).toBeGreaterThanOrEqual(after);
      for (const { descriptor } of images) {
        for (const part of (await store.readManifest(descriptor)).layers)
          for await (const chunk of store.readBlob(part)) expect(chunk.length).toBeGreaterThan(0);
      }
      await store.tag(`after-${after}`, await simpleImage('after'));
    }
    await store.sweep();
    expect(await readdir(join(folder.path, 'tmp'))).toEqual([]);
    expect(await readdir(join(folder.path, 'leases'))).toEqual([]);
  });

  it('breaks the lock of a process that is gone, and waits for one that is not', async () => {
    const image = await simpleImage('a');
    const lock = join(folder.path, 'index.lock');
    const child = spawn('true');
    await once(child, 'close');
    await writeFile(lock, `${child.pid}-0`);
    await store.tag('a', image);
    expect(await readdir(folder.path)).not.toContain('index.lock');
    // A recycled process number: it runs, but was started at another time.
    await writeFile(lock, `${process.pid}-12345`);
    await store.tag('b', image);
    const holder = spawn('cat');
    const started = (await readFile(`/proc/${holder.pid}/stat`, 'latin1')).split(') ')[1]?.split(' ')[19];
    await writeFile(lock, `${holder.pid}-${started}`);
    const impatient = await ImageStore.open(folder.path, { lockTimeoutMs: 20 });
    await expect(impatient.tag('c', image)).rejects.toMatchObject({ code: 'oci.store-busy' });
    const closed = once(holder, 'close');
    holder.kill('SIGKILL');
    await closed;
    await impatient.tag('c', image);
    expect(await store.list()).toHaveLength(3);
  });

  it('stores nothing whose digest or size is not the expected one', async () => {
    const good = await store.writeBlob(textOf('good'), { mediaType: 'x/y' });
    await expect(store.writeBlob(textOf('evil'), { mediaType: 'x/y', expected: good })).rejects.toMatchObject(
      {
        code: 'oci.digest-mismatch',
      },
    );
    await expect(
      store.writeBlob(textOf('longer'), { mediaType: 'x/y', expected: good }),
    ).rejects.toMatchObject({ code: 'oci.size-mismatch' });
    expect(await readdir(join(folder.path, 'blobs/sha256'))).toHaveLength(1);
    expect(await readdir(join(folder.path, 'tmp'))).toEqual([]);
  });

  it('notices a blob that changed on the disk', async () => {
    const blob = await store.writeBlob(textOf('content'), { mediaType: 'x/y' });
    await writeFile(store.blobPath(blob.digest), 'CONTENT');
    await expect(store.readDocument(blob)).rejects.toMatchObject({ code: 'oci.digest-mismatch' });
    await truncate(store.blobPath(blob.digest), 3);
    await expect(store.readDocument(blob)).rejects.toMatchObject({ code: 'oci.size-mismatch' });
    await rm(store.blobPath(blob.digest));
    await expect(store.readDocument(blob)).rejects.toMatchObject({ code: 'oci.blob-not-found' });
  });

  it('names only what is whole', async () => {
    const image = await simpleImage('a');
    const [part] = (await store.readManifest(image)).layers;
    if (part === undefined) throw new Error('no layer');
    await rm(store.blobPath(part.digest));
    await expect(store.tag('a', image)).rejects.toMatchObject({ code: 'oci.blob-not-found' });
    expect(await store.list()).toEqual([]);
  });

  it('sweeps what one image needed, and keeps what another shares', async () => {
    const [shared, own, kept] = ['shared', 'own', 'kept'];
    const write = (...contents: string[]) =>
      writeImage(store, { platform: amd64, config: {}, layers: contents.map(layer) });
    const first = await write(shared, own);
    await store.tag('first', first);
    await store.tag('second', await write(shared, kept));
    await store.untag('first');
    expect(await store.sweep([first])).toMatchObject({ removedBlobs: 3 });
    const image = await openImage(store, 'second', amd64);
    for (const part of image.manifest.layers) expect(await store.hasBlob(part)).toBe(true);
  });

  it('spares what another process is about to name', async () => {
    const stray = await store.writeBlob(textOf('in use elsewhere'), { mediaType: 'x/y' });
    const old = await store.writeBlob(textOf('old'), { mediaType: 'x/y' });
    await utimes(store.blobPath(old.digest), 1000, 1000);
    const other = spawn('cat');
    const started = (await readFile(`/proc/${other.pid}/stat`, 'latin1')).split(') ')[1]?.split(' ')[19];
    const lease = join(folder.path, 'leases', `${other.pid}-${started}`);
    await writeFile(lease, '');
    await utimes(lease, 2000, 2000);
    await store.sweep();
    expect(await store.hasBlob(stray)).toBe(true);
    expect(await store.hasBlob(old)).toBe(false);
    const closed = once(other, 'close');
    other.kill('SIGKILL');
    await closed;
    await store.sweep();
    expect(await store.hasBlob(stray)).toBe(false);
  });

  it('removes what killed processes left when another writes, and the part of a download after a week', async () => {
    const gone = '4194304-1'; // beyond the largest process number: proc_sys_kernel(5)
    const hex = 'a'.repeat(64);
    const left = [`new.${gone}.m-0`, `${hex}.${gone}.m-0`, `${hex}.suspended.m-1`];
    for (const name of left) await writeFile(join(folder.path, 'tmp', name), 'part');
    await mkdir(join(folder.path, 'leases'), { recursive: true });
    await writeFile(join(folder.path, 'leases', `${gone}.m`), '');
    await store.writeBlob(textOf('a'), { mediaType: 'x/y' });
    expect((await readdir(join(folder.path, 'tmp'))).sort()).toEqual(left.slice(1));
    expect(await readdir(join(folder.path, 'leases'))).toHaveLength(1);
    const eightDaysAgoS = Date.now() / 1000 - 8 * 86_400;
    for (const name of left.slice(1))
      await utimes(join(folder.path, 'tmp', name), eightDaysAgoS, eightDaysAgoS);
    await (await ImageStore.open(folder.path)).writeBlob(textOf('b'), { mediaType: 'x/y' });
    expect(await readdir(join(folder.path, 'tmp'))).toEqual([]);
  });

  it('keeps its folders to the user', async () => {
    await store.tag('a', await simpleImage('a'));
    for (const part of ['blobs', 'blobs/sha256', 'tmp', 'index.json'])
      expect((await stat(join(folder.path, part))).mode & 0o077, part).toBe(0);
  });

  it('finds by tag, by digest, and inside an index', async () => {
    const [first, second] = [await simpleImage('a'), await simpleImage('b', 'arm64')];
    const index = await writeIndex(store, [first, second]);
    await store.tag('team/app:1', index);
    expect((await store.find('docker.io/team/app:1'))?.digest).toBe(index.digest);
    expect((await store.find(`team/app:other@${index.digest}`))?.digest).toBe(index.digest);
    expect((await store.find(`team/app@${second.digest}`))?.digest).toBe(second.digest);
    expect(await store.find(`team/other@${second.digest}`)).toBeUndefined();
    expect(await store.find('team/app')).toBeUndefined();
  });

  it('writes the same image twice with the same digest', async () => {
    expect((await simpleImage('same')).digest).toBe((await simpleImage('same')).digest);
  });
});
