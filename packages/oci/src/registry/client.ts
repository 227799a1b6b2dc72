import type { OrlopError } from '@orlop/core';
import { Digester, parseDigest } from '../digest.ts';
import { MAX_DOCUMENT_BYTES } from '../documents.ts';
import { ociError } from '../errors.ts';
import { formatReference, type Reference } from '../reference.ts';
import type { Descriptor, Digest } from '../types.ts';
import { expectStatus, locationOf, MANIFEST_TYPES, mediaTypeOf, rangeStart } from './answers.ts';
import { Authorizer } from './authorizer.ts';
import type { FindCredentials } from './credentials.ts';
import { apiHost, isLoopback, type Mirror } from './endpoints.ts';
import { readAll } from './read-all.ts';
import { isPassingError, isPassingStatus, Retry, type RetryPolicy } from './retry.ts';
import { type Source, Sources } from './sources.ts';
import { type HttpRequest, type HttpResponse, HttpTransport, type TransportOptions } from './transport.ts';

export interface RegistryClientOptions extends TransportOptions {
  /** @default anonymous */
  readonly credentials?: FindCredentials;
  /** Asked in their order for what is read, before the registry itself. @default none */
  readonly mirrors?: readonly Mirror[];
  readonly retry?: RetryPolicy;
}

/** A manifest or index as the registry has it. */
export interface RemoteManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
}

/** There is somebody else to ask, so a mirror that fails is not waited for. */
const MIRROR_RETRIES: RetryPolicy = { retries: 1 };

type Action = 'pull' | 'push';
type Repository = Pick<Reference, 'domain' | 'repository'>;

interface Call extends Omit<HttpRequest, 'url'> {
  /** Below `/v2/REPOSITORY/`, or a whole URL that the registry gave. */
  readonly path: string | URL;
  readonly repository: Repository;
  readonly action: Action;
  /** A further repository that is read, for a mount. */
  readonly from?: string | undefined;
  /** @default the registry itself */
  readonly source?: Source;
}

/** A blob's content on its way. */
export interface RemoteBlob {
  /** Where the content begins: 0 when the peer starts over, whatever was asked for. */
  readonly offset: number;
  readonly body: AsyncIterable<Uint8Array>;
  drop(): void;
  /** Asks the mirror that this came from no more. Returns whether there is anybody else to ask. */
  giveUp(error: OrlopError): boolean;
}

/**
 * A client of the Distribution API (OCI distribution-spec 1.1). It answers authentication challenges, retries
 * what may pass, and checks the digest of every manifest; blobs are checked by the store they go into.
 */
export class RegistryClient {
  readonly #transport: HttpTransport;
  readonly #authorizer: Authorizer;
  readonly #sources: Sources;
  readonly #retry: RetryPolicy;
  readonly #origins = new Map<string, Promise<string>>();

  constructor(options: RegistryClientOptions = {}) {
    this.#transport = new HttpTransport(options);
    this.#authorizer = new Authorizer(this.#transport, options.credentials ?? (async () => undefined));
    this.#sources = new Sources(options.mirrors ?? []);
    this.#retry = options.retry ?? {};
  }

  /** Ends idle connections. */
  close(): void {
    this.#transport.close();
  }

  /** @throws OrlopError oci.image-not-found, oci.digest-mismatch and those of any request */
  getManifest(
    repository: Repository,
    version: string,
    { signal }: RequestOptions = {},
  ): Promise<RemoteManifest> {
    return this.#sources.read(
      repository.domain,
      (source) => this.#manifestOf(repository, version, { source, signal }),
      signal,
    );
  }

  async #manifestOf(
    repository: Repository,
    version: string,
    { source, signal }: RequestOptions & { readonly source: Source },
  ): Promise<RemoteManifest> {
    const answer = await this.#call({
      method: 'GET',
      path: `manifests/${version}`,
      repository,
      action: 'pull',
      headers: { accept: MANIFEST_TYPES },
      source,
      signal,
    });
    if (answer.status === 404) {
      answer.drop();
      throw notFound(repository, version);
    }
    await expectStatus(answer, [200], `the manifest of ${nameOf(repository, version)}`);
    const bytes = await readAll(answer, MAX_DOCUMENT_BYTES).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
    const promised = version.includes(':') ? version : answer.headers['docker-content-digest'];
    const digest = digestLike(bytes, typeof promised === 'string' ? promised : undefined);
    if (promised !== undefined && promised !== digest)
      throw ociError(
        'oci.digest-mismatch',
        `${answer.url.host} gives a manifest of ${nameOf(repository, version)} whose digest is ${digest}, not ${promised}`,
      );
    return { descriptor: { mediaType: mediaTypeOf(answer, bytes), digest, size: bytes.length }, bytes };
  }

  /** The digest of a tag or manifest, or `undefined` when nobody has it. */
  async headManifest(
    repository: Repository,
    version: string,
    options: RequestOptions & { readonly forPush?: boolean } = {},
  ): Promise<string | undefined> {
    const { signal } = options;
    if (options.forPush) return this.#digestOf(repository, version, { action: 'push', signal });
    try {
      return await this.#sources.read(
        repository.domain,
        async (source) => {
          const digest = await this.#digestOf(repository, version, { action: 'pull', source, signal });
          if (digest === undefined) throw notFound(repository, version);
          return digest;
        },
        signal,
      );
    } catch (error) {
      if ((error as Partial<OrlopError>).code === 'oci.image-not-found') return undefined;
      throw error;
    }
  }

  async #digestOf(
    repository: Repository,
    version: string,
    { action, source, signal }: RequestOptions & { readonly action: Action; readonly source?: Source },
  ): Promise<string | undefined> {
    const answer = await this.#call({
      method: 'HEAD',
      path: `manifests/${version}`,
      repository,
      action,
      headers: { accept: MANIFEST_TYPES },
      source,
      signal,
    });
    answer.drop();
    if (answer.status === 404) return undefined;
    await expectStatus(answer, [200], `the manifest of ${nameOf(repository, version)}`);
    const digest = answer.headers['docker-content-digest'];
    if (typeof digest === 'string') return digest;
    return (await this.#manifestOf(repository, version, { source, signal })).descriptor.digest;
  }

  /** A blob's content from `offset` on. */
  getBlob(
    repository: Repository,
    descriptor: Descriptor,
    { offset = 0, signal }: RequestOptions & { readonly offset?: number } = {},
  ): Promise<RemoteBlob> {
    return this.#sources.read(
      repository.domain,
      (source) => this.#blobOf(repository, descriptor, { offset, source, signal }),
      signal,
    );
  }

  async #blobOf(
    repository: Repository,
    descriptor: Descriptor,
    { offset, source, signal }: RequestOptions & { readonly offset: number; readonly source: Source },
  ): Promise<RemoteBlob> {
    const answer = await this.#call({
      method: 'GET',
      path: `blobs/${descriptor.digest}`,
      repository,
      action: 'pull',
      headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
      source,
      signal,
    });
    if (answer.status === 416 && offset > 0) {
      answer.drop();
      return this.#blobOf(repository, descriptor, { offset: 0, source, signal });
    }
    if (answer.status === 404) {
      answer.drop();
      throw ociError(
        'oci.blob-not-found',
        `${repository.domain} has no blob ${descriptor.digest} in ${repository.repository}`,
      );
    }
    await expectStatus(answer, [200, 206], `the blob ${descriptor.digest}`);
    const partial = answer.status === 206 && rangeStart(answer) === offset;
    if (answer.status === 206 && !partial) {
      answer.drop();
      throw ociError('oci.registry-answer', `${answer.url.host} answers with another range than asked for`);
    }
    return {
      offset: partial ? offset : 0,
      body: answer.body,
      drop: answer.drop,
      giveUp: (error) => this.#sources.giveUp(source, error),
    };
  }

  async hasBlob(repository: Repository, digest: Digest, { signal }: RequestOptions = {}): Promise<boolean> {
    const answer = await this.#call({
      method: 'HEAD',
      path: `blobs/${digest}`,
      repository,
      action: 'push',
      signal,
    });
    answer.drop();
    if (answer.status === 404) return false;
    await expectStatus(answer, [200], `the blob ${digest}`);
    return true;
  }

  /**
   * Uploads a blob: mounted from another repository of the registry where that has it, in one request, or with
   * `chunkBytes` in several.
   */
  async putBlob(
    repository: Repository,
    descriptor: Descriptor,
    options: {
      /** The content from an offset on, as often as asked for. */
      readonly open: (offset: number) => AsyncIterable<Uint8Array>;
      readonly mountFrom?: string | undefined;
      readonly chunkBytes?: number | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<'uploaded' | 'mounted'> {
    const { signal, mountFrom } = options;
    const mount =
      mountFrom === undefined ? '' : `?mount=${descriptor.digest}&from=${encodeURIComponent(mountFrom)}`;
    const begun = await this.#call({
      method: 'POST',
      path: `blobs/uploads/${mount}`,
      repository,
      action: 'push',
      from: mountFrom,
      headers: { 'content-length': '0' },
      signal,
    });
    const subject = `the upload of ${descriptor.digest} to ${repository.domain}/${repository.repository}`;
    await expectStatus(begun, [201, 202], subject);
    begun.drop();
    if (begun.status === 201) return 'mounted';
    let location = locationOf(begun, subject);
    let sent = 0;
    if (options.chunkBytes !== undefined) {
      const least = Number(begun.headers['oci-chunk-min-length'] ?? 0) || 0;
      const step = Math.max(options.chunkBytes, least);
      for (; sent < descriptor.size; ) {
        const end = Math.min(sent + step, descriptor.size);
        const answer = await this.#call({
          method: 'PATCH',
          path: location,
          repository,
          action: 'push',
          headers: {
            'content-type': 'application/octet-stream',
            'content-range': `${sent}-${end - 1}`,
            'content-length': String(end - sent),
          },
          body: bounded(options.open, { from: sent, to: end }),
          signal,
        });
        await expectStatus(answer, [202], subject);
        answer.drop();
        location = locationOf(answer, subject);
        sent = end;
      }
    }
    location.searchParams.append('digest', descriptor.digest);
    const ended = await this.#call({
      method: 'PUT',
      path: location,
      repository,
      action: 'push',
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(descriptor.size - sent),
      },
      ...(sent < descriptor.size && { body: () => options.open(0) }),
      signal,
    });
    await expectStatus(ended, [201, 204], subject);
    ended.drop();
    return 'uploaded';
  }

  /** Stores a manifest or index under a tag or its digest. */
  async putManifest(
    repository: Repository,
    version: string,
    { bytes, mediaType, signal }: { bytes: Uint8Array; mediaType: string; signal?: AbortSignal | undefined },
  ): Promise<void> {
    const answer = await this.#call({
      method: 'PUT',
      path: `manifests/${version}`,
      repository,
      action: 'push',
      headers: { 'content-type': mediaType, 'content-length': String(bytes.length) },
      body: async function* () {
        yield bytes;
      },
      signal,
    });
    await expectStatus(answer, [201, 202], `the manifest of ${nameOf(repository, version)}`);
    answer.drop();
  }

  async #call(call: Call): Promise<HttpResponse> {
    const { repository, action, source, signal } = call;
    const retry = new Retry(source === undefined ? this.#retry : { ...this.#retry, ...MIRROR_RETRIES });
    const scopes = [`repository:${repository.repository}:${action === 'push' ? 'pull,push' : 'pull'}`];
    if (call.from !== undefined) scopes.push(`repository:${call.from}:pull`);
    let challenged = false;
    for (;;) {
      let answer: HttpResponse;
      try {
        const base = await this.#base(repository.domain, source, signal);
        const url =
          call.path instanceof URL ? call.path : new URL(`${base}/v2/${repository.repository}/${call.path}`);
        const scope = { url: new URL(base), scopes };
        // An upload may have been sent to another host, whose address is its own authorization.
        const authorization = url.origin === scope.url.origin ? this.#authorizer.known(scope) : undefined;
        answer = await this.#transport.send({
          ...call,
          url,
          headers: { ...call.headers, ...(authorization !== undefined && { authorization }) },
        });
        const asked = answer.headers['www-authenticate'];
        if (answer.status === 401 && asked !== undefined && !challenged && url.origin === scope.url.origin) {
          challenged = true;
          answer.drop();
          if ((await this.#authorizer.answer(asked, scope, signal)) !== undefined) continue;
          throw denied(repository, 'it wants credentials, and there are none for it');
        }
      } catch (error) {
        if (isPassingError(error) && (await retry.again({ signal }))) continue;
        throw error;
      }
      if (!isPassingStatus(answer.status)) return answer;
      const retryAfter = answer.headers['retry-after'];
      if (!(await retry.again({ retryAfter, signal }))) return answer;
      answer.drop();
    }
  }

  /** Scheme, host and path prefix. Of a registry on this machine it is found out whether it speaks HTTPS. */
  async #base(domain: string, source: Source, signal: AbortSignal | undefined): Promise<string> {
    if (source !== undefined) return source.url.href.replace(/\/+$/, '');
    const host = apiHost(domain);
    if (!isLoopback(host)) return `https://${host}`;
    const known = this.#origins.get(host);
    if (known !== undefined) return known;
    const found = this.#probe(host, signal);
    this.#origins.set(host, found);
    found.catch(() => this.#origins.delete(host));
    return found;
  }

  async #probe(host: string, signal: AbortSignal | undefined): Promise<string> {
    try {
      (await this.#transport.send({ method: 'GET', url: new URL(`https://${host}/v2/`), signal })).drop();
      return `https://${host}`;
    } catch (error) {
      if (!isPassingError(error)) throw error;
      (await this.#transport.send({ method: 'GET', url: new URL(`http://${host}/v2/`), signal })).drop();
      return `http://${host}`;
    }
  }
}

function denied({ domain, repository }: Repository, why: string): Error {
  return ociError('oci.registry-denied', `${domain} does not let you at ${repository}: ${why}`, {
    hint: `log in with docker login ${domain}; some registries answer so for a repository that does not exist`,
  });
}

function notFound(repository: Repository, version: string): Error {
  return ociError('oci.image-not-found', `the registry has no image ${nameOf(repository, version)}`);
}

function nameOf(repository: Repository, version: string): string {
  return version.includes(':')
    ? `${repository.domain}/${repository.repository}@${version}`
    : formatReference({ ...repository, tag: version });
}

function digestLike(bytes: Uint8Array, promised: string | undefined): Digest {
  const digester = new Digester(promised === undefined ? 'sha256' : parseDigest(promised).algorithm);
  digester.update(bytes);
  return digester.finish();
}

function bounded(
  open: (offset: number) => AsyncIterable<Uint8Array>,
  { from, to }: { from: number; to: number },
): () => AsyncGenerator<Uint8Array> {
  return async function* () {
    let left = to - from;
    for await (const chunk of open(from)) {
      yield chunk.subarray(0, left);
      left -= Math.min(left, chunk.length);
      if (left === 0) return;
    }
  };
}
