import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bytesBody, type EntryStream } from '@orlop/archive';
import { seededRandom, type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nameArchitectures } from '../architecture-names.ts';
import { flattenImage } from '../flatten.ts';
import { openImage } from '../image.ts';
import { pullImage } from '../pull.ts';
import { pushImage } from '../push.ts';
import { attachSbom, readSboms } from '../sbom.ts';
import { ImageStore } from '../store.ts';
import type { Descriptor } from '../types.ts';
import { writeImage, writeIndex } from '../write-image.ts';
import { RegistryClient } from './client.ts';
import { dockerCredentials, type FindCredentials } from './credentials.ts';
import { startDockerRegistry, type TestRegistry } from './fixture/docker-registry.ts';

const run = promisify(execFile);
const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };
const sbom = { spdxVersion: 'SPDX-2.3', name: 'test', packages: [] };

async function* layer(seed: number): EntryStream {
  const content = new Uint8Array(300_000);
  seededRandom(seed).fill(content);
  const common = { mode: 0o644, uid: 0, gid: 0, mtime: 0 };
  yield {
    header: { ...common, name: `file-${seed}`, type: 'file', sizeBytes: content.length },
    body: bytesBody(content),
  };
}

/** Two platforms, and an SBOM of one. */
async function sampleImage(store: ImageStore): Promise<Descriptor> {
  const first = await writeImage(store, { platform: amd64, config: {}, layers: [layer(1), layer(2)] });
  const second = await writeImage(store, { platform: arm64, config: {}, layers: [layer(1), layer(3)] });
  const index = await writeIndex(store, [first, second]);
  return attachSbom(store, { index, platform: amd64, document: sbom });
}

describe.each(['basic', 'bearer'] as const)(
  'RegistryClient with docker-registry and %s',
  (authentication) => {
    let folder: TemporaryFolder;
    let registry: TestRegistry;
    let ca: string;
    let store: ImageStore;
    const clients: RegistryClient[] = [];

    beforeAll(async () => {
      folder = await temporaryFolder('registry');
      registry = await startDockerRegistry(folder.path, authentication);
      ca = await readFile(registry.caFile, 'utf8');
      store = await ImageStore.open(join(folder.path, 'store'));
      await store.tag(`${registry.host}/team/app:1`, await sampleImage(store));
    });
    afterAll(async () => {
      for (const client of clients) client.close();
      await registry?.stop();
      await folder?.remove();
    });

    function connect(credentials: FindCredentials = password): RegistryClient {
      const client = new RegistryClient({ certificates: [ca], credentials, retry: { retries: 0 } });
      clients.push(client);
      return client;
    }
    const password: FindCredentials = async () => ({
      kind: 'password',
      username: registry.username,
      password: registry.password,
    });

    it('pushes all platforms, and another store pulls the same bytes', async () => {
      const reference = `${registry.host}/team/app:1`;
      const pushed = await pushImage({ store, client: connect(), reference });
      const other = await ImageStore.open(join(folder.path, 'other'));
      const pulled = await pullImage({ store: other, client: connect(), reference });
      expect(pulled.digest).toBe(pushed.digest);
      expect(await other.reachable(pulled)).toEqual(await store.reachable(pushed));
      expect(await readSboms(other, pulled, amd64)).toEqual([sbom]);
    });

    it('pulls one platform and its attestation only, and another later', async () => {
      const reference = `${registry.host}/team/app:1`;
      await pushImage({ store, client: connect(), reference });
      const other = await ImageStore.open(join(folder.path, 'one-platform'));
      const index = await pullImage({ store: other, client: connect(), reference, platforms: [amd64] });
      expect(await readSboms(other, index, amd64)).toHaveLength(1);
      await expect(openImage(other, reference, arm64)).rejects.toMatchObject({ code: 'oci.blob-not-found' });
      await pullImage({ store: other, client: connect(), reference, platforms: [arm64] });
      const image = await openImage(other, reference, arm64);
      const names: string[] = [];
      for await (const { header } of flattenImage(other, image)) names.push(header.name);
      expect(names).toEqual(['file-1', 'file-3']);
    });

    it('names each platform of a pulled image besides, as far as it is there', async () => {
      const reference = `${registry.host}/team/app:1`;
      await pushImage({ store, client: connect(), reference });
      const other = await ImageStore.open(join(folder.path, 'arch-names'));
      await pullImage({ store: other, client: connect(), reference, platforms: [arm64] });
      await nameArchitectures(other, reference);
      expect((await other.list()).map(({ name }) => name)).toEqual([reference, `${reference}-arm64`]);
      const named = await other.find(`${reference}-arm64`);
      expect(named?.digest).toBe((await openImage(other, reference, arm64)).descriptor.digest);
      await openImage(other, `${reference}-arm64`, arm64);
    });

    it('pulls by digest alone, and finds it in the store by that', async () => {
      const reference = `${registry.host}/team/app:1`;
      const pushed = await pushImage({ store, client: connect(), reference });
      const other = await ImageStore.open(join(folder.path, 'by-digest'));
      const byDigest = `${registry.host}/team/app@${pushed.digest}`;
      await pullImage({ store: other, client: connect(), reference: byDigest });
      expect((await other.find(byDigest))?.digest).toBe(pushed.digest);
    });

    it('mounts blobs from another repository of the registry', async () => {
      const reference = `${registry.host}/team/app:1`;
      const client = connect();
      await pushImage({ store, client, reference });
      const config = (await store.readManifest((await openImage(store, reference, amd64)).descriptor))
        .layers[0];
      if (config === undefined) throw new Error('no layer');
      const outcome = await client.putBlob({ domain: registry.host, repository: 'team/mounted' }, config, {
        open: () => store.readBlob(config),
        mountFrom: 'team/app',
      });
      expect(outcome).toBe('mounted');
      await pushImage({ store, client, reference, remote: `${registry.host}/team/copy:2` });
      expect(await client.headManifest({ domain: registry.host, repository: 'team/copy' }, '2')).toBe(
        (await store.find(reference))?.digest,
      );
    });

    it('uploads in chunks', async () => {
      const client = connect();
      const reference = `${registry.host}/team/app:1`;
      const remote = `${registry.host}/team/chunked:1`;
      await pushImage({ store, client, reference: reference, remote, chunkBytes: 100_000 });
      const other = await ImageStore.open(join(folder.path, 'chunked'));
      await expect(pullImage({ store: other, client, reference: remote })).resolves.toMatchObject({
        digest: (await store.find(reference))?.digest,
      });
    });

    it('does not replace a tag unless told to', async () => {
      const client = connect();
      const taken = `${registry.host}/team/taken:1`;
      await pushImage({ store, client, reference: `${registry.host}/team/app:1`, remote: taken });
      const another = await writeImage(store, { platform: amd64, config: {}, layers: [layer(9)] });
      await store.tag(taken, another);
      await expect(pushImage({ store, client, reference: taken })).rejects.toMatchObject({
        code: 'oci.tag-taken',
      });
      await pushImage({ store, client, reference: taken, override: true });
      expect(await client.headManifest({ domain: registry.host, repository: 'team/taken' }, '1')).toBe(
        another.digest,
      );
    });

    it('pushes each platform under a tag of its own', async () => {
      const client = connect();
      const reference = `${registry.host}/team/app:1`;
      await pushImage({ store, client, reference, withArchitectureTags: true });
      const tag = await client.headManifest({ domain: registry.host, repository: 'team/app' }, '1-arm64');
      expect(tag).toBe((await openImage(store, reference, arm64)).descriptor.digest);
    });

    it('finds credentials in Docker configuration: auth, helper, identity token', async () => {
      const repository = { domain: registry.host, repository: 'team/app' };
      await pushImage({ store, client: connect(), reference: `${registry.host}/team/app:1` });
      const bin = join(folder.path, 'bin');
      await mkdir(bin, { recursive: true });
      const helper = join(bin, 'docker-credential-test');
      const answer = { Username: registry.username, Secret: registry.password };
      await writeFile(
        helper,
        `#!/bin/sh\nread server\n[ "$server" = "${registry.host}" ] || { echo credentials not found in native keychain; exit 1; }\nprintf '%s' '${JSON.stringify(answer)}'\n`,
      );
      await chmod(helper, 0o755);
      const auth = btoa(`${registry.username}:${registry.password}`);
      const configurations: Record<string, unknown>[] = [
        { auths: { [registry.host]: { auth } } },
        { auths: { [`https://${registry.host}/v1/`]: { auth } } },
        { credHelpers: { [registry.host]: 'test' } },
        { credsStore: 'test' },
      ];
      if (authentication === 'bearer')
        configurations.push({ auths: { [registry.host]: { identitytoken: 'refresh-me' } } });
      for (const configuration of configurations) {
        const configFile = join(folder.path, 'config.json');
        await writeFile(configFile, JSON.stringify(configuration));
        const client = connect(dockerCredentials({ configFile, helperPath: `${bin}:/usr/bin:/bin` }));
        await expect(client.headManifest(repository, '1'), JSON.stringify(configuration)).resolves.toMatch(
          /^sha256:/,
        );
      }
    });

    it('says what is wrong: no credentials, wrong ones, no image, unknown authority', async () => {
      const repository = { domain: registry.host, repository: 'team/app' };
      await expect(connect(async () => undefined).getManifest(repository, '1')).rejects.toMatchObject({
        code: 'oci.registry-denied',
      });
      const wrong: FindCredentials = async () => ({ kind: 'password', username: 'a', password: 'b' });
      await expect(connect(wrong).getManifest(repository, '1')).rejects.toMatchObject({
        code: 'oci.registry-denied',
      });
      await expect(connect().getManifest(repository, 'nosuch')).rejects.toThrow(
        `the registry has no image ${registry.host}/team/app:nosuch`,
      );
      const stranger = new RegistryClient({ retry: { retries: 0 } });
      clients.push(stranger);
      await expect(stranger.getManifest(repository, '1')).rejects.toMatchObject({
        code: 'oci.registry-untrusted',
        hint: expect.stringContaining('--cert-file'),
      });
    });

    it('exchanges images with skopeo, both ways', async () => {
      const reference = `${registry.host}/team/skopeo:1`;
      const login = `${registry.username}:${registry.password}`;
      const certificates = join(folder.path, 'certificates');
      await mkdir(certificates, { recursive: true });
      await writeFile(join(certificates, 'ca.crt'), ca);
      await run('skopeo', [
        ...['copy', '--all', '--dest-creds', login, '--dest-cert-dir', certificates],
        ...[`oci:${store.folder}:${registry.host}/team/app:1`, `docker://${reference}`],
      ]);
      const other = await ImageStore.open(join(folder.path, 'skopeo'));
      const pulled = await pullImage({ store: other, client: connect(), reference });
      expect(pulled.digest).toBe((await store.find(`${registry.host}/team/app:1`))?.digest);
      await pushImage({ store: other, client: connect(), reference, remote: `${registry.host}/team/back:1` });
      const { stdout } = await run('skopeo', [
        ...['inspect', '--raw', '--creds', login, '--cert-dir', certificates],
        `docker://${registry.host}/team/back:1`,
      ]);
      expect(JSON.parse(stdout).manifests).toHaveLength(3);
    });
  },
);
