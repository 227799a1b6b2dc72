import { Digester, parseDigest } from '../digest.ts';
import { MAX_DOCUMENT_BYTES } from '../documents.ts';
import { ociError } from '../errors.ts';
import type { Descriptor, Digest } from '../types.ts';
import { expectStatus, MANIFEST_TYPES, mediaTypeOf, rangeStart } from './answers.ts';
import type { Action, RegistryCalls, Repository, RequestOptions } from './calls.ts';
import { nameOf, notFound } from './image-name.ts';
import { readAll } from './read-all.ts';
import type { Source } from './sources.ts';

/** A manifest or index as the registry has it. */
export interface RemoteManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** A blob's content on its way. */
export interface BlobAnswer {
  /** Where the content begins: 0 when the peer starts over, whatever was asked for. */
  readonly offset: number;
  readonly body: AsyncIterable<Uint8Array>;
  drop(): void;
}

/** What is read of one source: a registry or a mirror of it. */
export class Pulls {
  readonly #calls: RegistryCalls;

  constructor(calls: RegistryCalls) {
    this.#calls = calls;
  }

  /** @throws OrlopError oci.image-not-found, oci.digest-mismatch and those of any request */
  async manifest(
    repository: Repository,
    version: string,
    { source, signal }: RequestOptions & { readonly source: Source },
  ): Promise<RemoteManifest> {
    const answer = await this.#calls.send({
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

  /** The digest of a tag or manifest, or `undefined` where it is not. */
  async digest(
    repository: Repository,
    version: string,
    { action, source, signal }: RequestOptions & { readonly action: Action; readonly source?: Source },
  ): Promise<string | undefined> {
    const answer = await this.#calls.send({
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
    return (await this.manifest(repository, version, { source, signal })).descriptor.digest;
  }

  /** @throws OrlopError oci.blob-not-found and those of any request */
  async blob(
    repository: Repository,
    descriptor: Descriptor,
    { offset, source, signal }: RequestOptions & { readonly offset: number; readonly source: Source },
  ): Promise<BlobAnswer> {
    const answer = await this.#calls.send({
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
      return this.blob(repository, descriptor, { offset: 0, source, signal });
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
    };
  }
}

function digestLike(bytes: Uint8Array, promised: string | undefined): Digest {
  const digester = new Digester(promised === undefined ? 'sha256' : parseDigest(promised).algorithm);
  digester.update(bytes);
  return digester.finish();
}
