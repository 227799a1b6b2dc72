import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { bytesBody, type EntryStream } from '@orlop/archive';
import { seededRandom, type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from '../digest.ts';
import { openImage } from '../image.ts';
import { pullImage } from '../pull.ts';
import { ImageStore } from '../store.ts';
import type { Descriptor } from '../types.ts';
import { writeImage, writeIndex } from '../write-image.ts';
import { RegistryClient, type RegistryClientOptions } from './client.ts';
import { dockerCredentials } from './credentials.ts';
import { parseMirror } from './endpoints.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const password = async () => ({ kind: 'password', username: 'u', password: 'p' }) as const;

async function* layer(): EntryStream {
  const content = new Uint8Array(400_000);
  seededRandom(5).fill(content);
  yield {
    header: { name: 'f', type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0, sizeBytes: content.length },
    body: bytesBody(content),
  };
}

describe('RegistryClient with a registry that misbehaves', () => {
  let folder: TemporaryFolder;
  let origin: ImageStore;
  let image: Descriptor;
  let big: Descriptor;
  const servers: Server[] = [];
  const clients: RegistryClient[] = [];

  beforeEach(async () => {
    folder = await temporaryFolder('client');
    origin = await ImageStore.open(join(folder.path, 'origin'));
    image = await writeImage(origin, {
      platform: { os: 'linux', architecture: 'amd64' },
      config: {},
      layers: [layer()],
    });
    big = (await origin.readManifest(image)).layers[0] as Descriptor;
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
    await folder.remove();
  });

  /** Waits are counted, not made. */
  function connect(options: RegistryClientOptions = {}): { client: RegistryClient; waits: number[] } {
    const waits: number[] = [];
    const wait = async (ms: number) => void waits.push(ms);
    const client = new RegistryClient({ retry: { wait }, ...options });
    clients.push(client);
    return { client, waits };
  }

  async function listen(handler: Handler): Promise<string> {
    const server = createServer(handler).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Serves the image as it should be; `odd` may answer instead. */
  async function serve(
    odd: (request: IncomingMessage, response: ServerResponse) => boolean,
  ): Promise<string> {
    return listen(async (request, response) => {
      if (odd(request, response)) return;
      const url = request.url ?? '';
      if (url === '/v2/') response.end();
      else if (url.includes('/manifests/')) {
        const bytes = await origin.readDocument(image);
        response
          .writeHead(200, { 'content-type': image.mediaType, 'content-length': bytes.length })
          .end(bytes);
      } else {
        const digest = url.split('/').pop() as typeof big.digest;
        const bytes = Buffer.concat(
          await collect(origin.readBlob({ ...big, digest, size: await origin.blobSize(digest) })),
        );
        const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
        const part = bytes.subarray(start);
        response
          .writeHead(start > 0 ? 206 : 200, {
            'content-length': part.length,
            ...(start > 0 && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
          })
          .end(part);
      }
    });
  }

  async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of source) chunks.push(chunk);
    return chunks;
  }

  const isBig = (request: IncomingMessage) => request.url?.endsWith(big.digest) ?? false;

  it('takes a broken download up where it stopped', async () => {
    const ranges: (string | undefined)[] = [];
    const host = await serve((request, response) => {
      if (!isBig(request)) return false;
      ranges.push(request.headers.range);
      if (ranges.length > 1) return false;
      response.writeHead(200, { 'content-length': big.size });
      void collect(origin.readBlob(big)).then(([bytes]) =>
        response.write(bytes?.subarray(0, 150_000), () => response.destroy()),
      );
      return true;
    });
    const store = await ImageStore.open(join(folder.path, 'store'));
    const { client } = connect();
    const pulled = await pullImage({
      store,
      client,
      reference: `${host}/a/b:1`,
      retry: { wait: async () => {} },
    });
    expect(pulled.digest).toBe(image.digest);
    expect(ranges).toHaveLength(2);
    expect(Number(/bytes=(\d+)-$/.exec(ranges[1] ?? '')?.[1])).toBeGreaterThan(0);
  });

  it('takes a download up that an earlier pull gave up, and starts over where the registry knows no ranges', async () => {
    let broken = true;
    const ranges: (string | undefined)[] = [];
    const host = await serve((request, response) => {
      if (!isBig(request)) return false;
      ranges.push(request.headers.range);
      if (!broken) {
        delete request.headers.range;
        return false;
      }
      response.writeHead(200, { 'content-length': big.size });
      void collect(origin.readBlob(big)).then(([bytes]) =>
        response.write(bytes?.subarray(0, 100_000), () => response.destroy()),
      );
      return true;
    });
    const store = await ImageStore.open(join(folder.path, 'store'));
    const request = { store, client: connect().client, reference: `${host}/a/b:1`, retry: { retries: 0 } };
    await expect(pullImage(request)).rejects.toMatchObject({ code: 'oci.registry-unreachable' });
    broken = false;
    await expect(pullImage(request)).resolves.toMatchObject({ digest: image.digest });
    expect(ranges[0]).toBeUndefined();
    expect(ranges[1]).toMatch(/^bytes=\d+-$/);
  });

  it('refuses content with another digest, and keeps none of it', async () => {
    const host = await serve((request, response) => {
      if (!isBig(request)) return false;
      response.writeHead(200, { 'content-length': big.size }).end(Buffer.alloc(big.size, 1));
      return true;
    });
    const store = await ImageStore.open(join(folder.path, 'store'));
    await expect(
      pullImage({ store, client: connect().client, reference: `${host}/a/b:1` }),
    ).rejects.toMatchObject({ code: 'oci.digest-mismatch' });
    expect(await store.hasBlob(big)).toBe(false);
    expect(await store.list()).toEqual([]);
  });

  it('refuses more content than the manifest says, without reading it all', async () => {
    const host = await serve((request, response) => {
      if (!isBig(request)) return false;
      const pour = () => {
        while (response.write(Buffer.alloc(1 << 20)));
        response.once('drain', pour);
      };
      response.on('error', () => {});
      pour();
      return true;
    });
    const store = await ImageStore.open(join(folder.path, 'store'));
    await expect(
      pullImage({ store, client: connect().client, reference: `${host}/a/b:1` }),
    ).rejects.toMatchObject({ code: 'oci.size-mismatch' });
  });

  it('refuses a manifest that is not of the digest asked for', async () => {
    const host = await serve(() => false);
    const other = digestOf(new Uint8Array([1]));
    const [domain, repository] = [host, 'a/b'];
    await expect(connect().client.getManifest({ domain, repository }, other)).rejects.toMatchObject({
      code: 'oci.digest-mismatch',
    });
  });

  it('comes back after 429 and 503 as late as it is told, and gives up at last', async () => {
    let attempts = 0;
    const host = await serve((request, response) => {
      if (request.url === '/v2/') return false;
      attempts++;
      if (attempts === 1) response.writeHead(429, { 'retry-after': '7' }).end();
      else if (attempts === 2) response.writeHead(503).end();
      return attempts < 3;
    });
    const { client, waits } = connect();
    await client.getManifest({ domain: host, repository: 'a/b' }, '1');
    expect(waits[0]).toBe(7000);
    expect(waits[1]).toBeGreaterThanOrEqual(1000);
    const down = await listen((request, response) => {
      response.writeHead(request.url === '/v2/' ? 200 : 500).end();
    });
    const second = connect();
    await expect(second.client.getManifest({ domain: down, repository: 'a/b' }, '1')).rejects.toMatchObject({
      code: 'oci.registry-unreachable',
    });
    expect(second.waits).toHaveLength(4);
  });

  it.each([
    [
      'schema 1',
      { schemaVersion: 1, name: 'a/b', fsLayers: [], history: [] },
      /^the manifest of \S+\/a\/b:1 \(sha256:\w+\) cannot be used: schemaVersion is 1; .* Docker's form of before 2016/,
    ],
  ])('tells of %s by the name of the image', async (_, manifest, message) => {
    const host = await serve((request, response) => {
      if (request.url?.includes('/manifests/') !== true) return false;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(manifest));
      return true;
    });
    const store = await ImageStore.open(join(folder.path, 'store'));
    const { client } = connect();
    await expect(pullImage({ store, client, reference: `${host}/a/b:1` })).rejects.toThrow(message);
    expect(await store.find(`${host}/a/b:1`)).toBeUndefined();
  });

  it('gets the image of an index within the index', async () => {
    const inner = await writeIndex(origin, [{ ...image, platform: { os: 'linux', architecture: 'amd64' } }]);
    const outer = await writeIndex(origin, [inner]);
    const host = await serve((request, response) => {
      const version = request.url?.split('/manifests/')[1];
      const index = [inner, outer].find(({ digest }) => digest === version) ?? outer;
      if (version === undefined || version === image.digest) return false;
      void origin
        .readDocument(index)
        .then((bytes) => response.writeHead(200, { 'content-type': index.mediaType }).end(bytes));
      return true;
    });
    const store = await ImageStore.open(join(folder.path, 'store'));
    const { client } = connect();
    const platform = { os: 'linux', architecture: 'amd64' };
    await pullImage({ store, client, reference: `${host}/a/b:1`, platforms: [platform] });
    expect((await openImage(store, `${host}/a/b:1`, platform)).manifest.layers).toEqual([big]);
    await store.sweep();
    expect(await store.hasBlob(big)).toBe(true);
  });

  it('comes back to a token service that is busy', async () => {
    let attempts = 0;
    const host = await serve((request, response) => {
      if (request.url?.startsWith('/token') === true) {
        attempts++;
        if (attempts < 3) response.writeHead(attempts === 1 ? 503 : 429).end();
        else response.end('{"token":"t"}');
        return true;
      }
      if (request.headers.authorization === 'Bearer t') return false;
      const realm = `http://${request.headers.host}/token`;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="s"` }).end();
      return true;
    });
    const { client, waits } = connect({ credentials: password });
    await client.getManifest({ domain: host, repository: 'a/b' }, '1');
    expect([attempts, waits.length]).toEqual([3, 2]);
  });

  it('gets what is public though the helper for credentials is missing, and names it for the rest', async () => {
    const configFile = join(folder.path, 'config.json');
    await writeFile(configFile, '{"credsStore":"nosuch"}');
    const host = await serve((request, response) => {
      if (request.url?.startsWith('/token') === true) {
        response.end('{"token":"anonymous"}');
        return true;
      }
      const mayRead = request.headers.authorization === 'Bearer anonymous';
      if (mayRead && request.url?.includes('/public/') === true) return false;
      const realm = `http://${request.headers.host}/token`;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="s"` }).end();
      return true;
    });
    const { client } = connect({ credentials: dockerCredentials({ configFile }) });
    await client.getManifest({ domain: host, repository: 'a/public/b' }, '1');
    await expect(client.getManifest({ domain: host, repository: 'a/b' }, '1')).rejects.toMatchObject({
      code: 'oci.credentials',
      message: 'the credential helper docker-credential-nosuch cannot be run',
    });
    await writeFile(configFile, '');
    const empty = connect({ credentials: dockerCredentials({ configFile }) });
    await empty.client.getManifest({ domain: host, repository: 'a/public/b' }, '1');
  });

  it('follows redirects of blobs without taking the credentials along', async () => {
    const seen: (string | undefined)[] = [];
    const storage = await listen(async (request, response) => {
      seen.push(request.headers.authorization);
      response.end(Buffer.concat(await collect(origin.readBlob(big))));
    });
    const host = await serve((request, response) => {
      if (request.url !== '/v2/' && request.headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
        return true;
      }
      if (!isBig(request)) return false;
      response.writeHead(307, { location: `http://${storage}/somewhere?signed=1` }).end();
      return true;
    });
    const store = await ImageStore.open(join(folder.path, 'store'));
    const { client } = connect({ credentials: password });
    await pullImage({ store, client, reference: `${host}/a/b:1` });
    expect(seen).toEqual([undefined]);
  });

  it('asks the mirrors of a registry in their order, and the registry after them', async () => {
    const asked: string[] = [];
    const tell = (who: string) => (request: IncomingMessage) => {
      asked.push(`${who} ${(request.url ?? '').split('/').slice(-2, -1)[0]}`);
      return false;
    };
    const empty = await listen((request, response) => {
      tell('empty')(request);
      response.writeHead(404).end();
    });
    const host = await serve(tell('registry'));
    const mirrors = ['http://127.0.0.1:1', `${host}=http://${empty}/`].map(parseMirror);
    const store = await ImageStore.open(join(folder.path, 'store'));
    const { client, waits } = connect({ mirrors });
    await pullImage({ store, client, reference: `${host}/a/b:1` });
    // The one that lacks everything is asked for all three; the one that is not there is tried twice, once.
    expect(asked.filter((line) => line.startsWith('empty'))).toHaveLength(3);
    expect(asked.filter((line) => line === 'registry blobs')).toHaveLength(2);
    expect(waits).toHaveLength(1);
    expect(await store.hasBlob(big)).toBe(true);
  });

  it('leaves the registry alone where a mirror has all', async () => {
    const asked: string[] = [];
    const mirror = await serve((request) => {
      asked.push(request.url ?? '');
      return false;
    });
    const store = await ImageStore.open(join(folder.path, 'store'));
    const { client } = connect({ mirrors: [parseMirror(`docker.io=http://${mirror}`)] });
    await pullImage({ store, client, reference: 'redis:8' });
    expect(asked[0]).toBe('/v2/library/redis/manifests/8');
    expect((await store.list()).map(({ name }) => name)).toEqual(['docker.io/library/redis:8']);
  });

  it('goes on at the registry with what a mirror broke off', async () => {
    const mirror = await serve((request, response) => {
      if (!isBig(request)) return false;
      response.writeHead(200, { 'content-length': big.size });
      void collect(origin.readBlob(big)).then(([bytes]) =>
        response.write(bytes?.subarray(0, 150_000), () => response.destroy()),
      );
      return true;
    });
    const ranges: (string | undefined)[] = [];
    const host = await serve((request) => {
      if (isBig(request)) ranges.push(request.headers.range);
      return false;
    });
    const store = await ImageStore.open(join(folder.path, 'store'));
    const { client } = connect({ mirrors: [parseMirror(`http://${mirror}`)] });
    await pullImage({ store, client, reference: `${host}/a/b:1`, retry: { retries: 0 } });
    expect(ranges).toHaveLength(1);
    expect(ranges[0]).toMatch(/^bytes=[1-9]\d*-$/);
  });

  it('takes no content from a mirror that has another digest', async () => {
    const mirror = await serve((request, response) => {
      if (!isBig(request)) return false;
      response.writeHead(200, { 'content-length': big.size }).end(Buffer.alloc(big.size, 1));
      return true;
    });
    const host = await serve(() => false);
    const store = await ImageStore.open(join(folder.path, 'store'));
    const { client } = connect({ mirrors: [parseMirror(`http://${mirror}`)] });
    await expect(pullImage({ store, client, reference: `${host}/a/b:1` })).rejects.toMatchObject({
      code: 'oci.digest-mismatch',
    });
    expect(await store.hasBlob(big)).toBe(false);
  });

  it('names everyone who was asked when nobody helps', async () => {
    const empty = await listen((_, response) => response.writeHead(404).end());
    const mirrors = [parseMirror('127.0.0.1:2=http://127.0.0.1:1'), parseMirror(`http://${empty}`)];
    const { client } = connect({ mirrors, retry: { retries: 0 } });
    const repository = { domain: '127.0.0.1:2', repository: 'a/b' };
    await expect(client.getManifest(repository, '1')).rejects.toMatchObject({
      code: 'oci.registry-unreachable',
      message: `neither mirror nor registry helps: the mirror http://127.0.0.1:1/: 127.0.0.1:1 cannot be reached (ECONNREFUSED); the mirror http://${empty}/: the registry has no image 127.0.0.1:2/a/b:1; the registry 127.0.0.1:2: 127.0.0.1:2 cannot be reached (ECONNREFUSED)`,
    });
    const host = await listen((request, response) =>
      response.writeHead(request.url === '/v2/' ? 200 : 404).end(),
    );
    expect(await client.headManifest({ domain: host, repository: 'a/b' }, '1')).toBeUndefined();
  });

  it('ends a download when it is told to, and keeps what it has for later', async () => {
    const abort = new AbortController();
    const host = await serve((request, response) => {
      if (!isBig(request)) return false;
      response.writeHead(200, { 'content-length': big.size });
      void collect(origin.readBlob(big)).then(([bytes]) => {
        response.write(bytes?.subarray(0, 100_000));
      });
      return true;
    });
    const store = await ImageStore.open(join(folder.path, 'store'));
    const reason = new Error('enough');
    const progress = ({ done }: { done: number }) => {
      if (done > 50_000) abort.abort(reason);
    };
    await expect(
      pullImage({
        store,
        client: connect().client,
        reference: `${host}/a/b:1`,
        progress,
        signal: abort.signal,
      }),
    ).rejects.toBe(reason);
    const draft = await store.beginDownload(big);
    expect(draft.resumedBytes).toBeGreaterThan(0);
    await draft.discard();
  });
});
