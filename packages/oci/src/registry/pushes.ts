import type { Descriptor, Digest } from '../types.ts';
import { expectStatus, locationOf } from './answers.ts';
import type { RegistryCalls, Repository, RequestOptions } from './calls.ts';
import { nameOf } from './image-name.ts';

/** A blob's content, and how it is sent. */
export interface BlobUpload extends RequestOptions {
  /** The content from an offset on, as often as asked for. */
  readonly open: (offset: number) => AsyncIterable<Uint8Array>;
  readonly mountFrom?: string | undefined;
  readonly chunkBytes?: number | undefined;
}

/** What is written: to the registry itself, never to a mirror. */
export class Pushes {
  readonly #calls: RegistryCalls;

  constructor(calls: RegistryCalls) {
    this.#calls = calls;
  }

  async hasBlob(repository: Repository, digest: Digest, { signal }: RequestOptions = {}): Promise<boolean> {
    const answer = await this.#calls.send({
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
    options: BlobUpload,
  ): Promise<'uploaded' | 'mounted'> {
    const { signal, mountFrom } = options;
    const mount =
      mountFrom === undefined ? '' : `?mount=${descriptor.digest}&from=${encodeURIComponent(mountFrom)}`;
    const begun = await this.#calls.send({
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
        const answer = await this.#calls.send({
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
    const ended = await this.#calls.send({
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
    const answer = await this.#calls.send({
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
