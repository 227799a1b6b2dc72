import type { OrlopError } from '@orlop/core';
import type { Descriptor, Digest } from '../types.ts';
import { type CallOptions, RegistryCalls, type Repository, type RequestOptions } from './calls.ts';
import type { Mirror } from './endpoints.ts';
import { notFound } from './image-name.ts';
import { type BlobAnswer, Pulls, type RemoteManifest } from './pulls.ts';
import { type BlobUpload, Pushes } from './pushes.ts';
import { Sources } from './sources.ts';

export interface RegistryClientOptions extends CallOptions {
  /** Asked in their order for what is read, before the registry itself. @default none */
  readonly mirrors?: readonly Mirror[];
}

export interface RemoteBlob extends BlobAnswer {
  /** Asks the mirror that this came from no more. Returns whether there is anybody else to ask. */
  giveUp(error: OrlopError): boolean;
}

/**
 * A client of the Distribution API (OCI distribution-spec 1.1). It answers authentication challenges, retries
 * what may pass, and checks the digest of every manifest; blobs are checked by the store they go into.
 */
export class RegistryClient {
  readonly #calls: RegistryCalls;
  readonly #pulls: Pulls;
  readonly #pushes: Pushes;
  readonly #sources: Sources;

  constructor(options: RegistryClientOptions = {}) {
    this.#calls = new RegistryCalls(options);
    this.#pulls = new Pulls(this.#calls);
    this.#pushes = new Pushes(this.#calls);
    this.#sources = new Sources(options.mirrors ?? []);
  }

  /** Ends idle connections. */
  close(): void {
    this.#calls.close();
  }

  /** @throws OrlopError oci.image-not-found, oci.digest-mismatch and those of any request */
  getManifest(
    repository: Repository,
    version: string,
    { signal }: RequestOptions = {},
  ): Promise<RemoteManifest> {
    return this.#sources.read(
      repository.domain,
      (source) => this.#pulls.manifest(repository, version, { source, signal }),
      signal,
    );
  }

  /** The digest of a tag or manifest, or `undefined` when nobody has it. */
  async headManifest(
    repository: Repository,
    version: string,
    options: RequestOptions & { readonly forPush?: boolean } = {},
  ): Promise<string | undefined> {
    const { signal } = options;
    if (options.forPush) return this.#pulls.digest(repository, version, { action: 'push', signal });
    try {
      return await this.#sources.read(
        repository.domain,
        async (source) => {
          const digest = await this.#pulls.digest(repository, version, { action: 'pull', source, signal });
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

  /** A blob's content from `offset` on. */
  getBlob(
    repository: Repository,
    descriptor: Descriptor,
    { offset = 0, signal }: RequestOptions & { readonly offset?: number } = {},
  ): Promise<RemoteBlob> {
    return this.#sources.read(
      repository.domain,
      async (source) => ({
        ...(await this.#pulls.blob(repository, descriptor, { offset, source, signal })),
        giveUp: (error: OrlopError) => this.#sources.giveUp(source, error),
      }),
      signal,
    );
  }

  hasBlob(repository: Repository, digest: Digest, options?: RequestOptions): Promise<boolean> {
    return this.#pushes.hasBlob(repository, digest, options);
  }

  /**
   * Uploads a blob: mounted from another repository of the registry where that has it, in one request, or with
   * `chunkBytes` in several.
   */
  putBlob(
    repository: Repository,
    descriptor: Descriptor,
    upload: BlobUpload,
  ): Promise<'uploaded' | 'mounted'> {
    return this.#pushes.putBlob(repository, descriptor, upload);
  }

  /** Stores a manifest or index under a tag or its digest. */
  putManifest(
    repository: Repository,
    version: string,
    manifest: { bytes: Uint8Array; mediaType: string; signal?: AbortSignal | undefined },
  ): Promise<void> {
    return this.#pushes.putManifest(repository, version, manifest);
  }
}
