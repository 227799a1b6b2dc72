import type { ReportProgress } from '@orlop/core';
import { architectureTag } from './architecture-names.ts';
import { forEachConcurrently } from './concurrent.ts';
import { imageNotFound, ociError } from './errors.ts';
import { isIndexType } from './media-types.ts';
import { formatReference, parseReference, type Reference, withDefaultTag } from './reference.ts';
import type { RegistryClient } from './registry/client.ts';
import { isPassingError, Retry, type RetryPolicy } from './registry/retry.ts';
import { isAttestation } from './sbom.ts';
import type { ImageStore } from './store.ts';
import type { Descriptor } from './types.ts';

export interface PushRequest {
  readonly store: ImageStore;
  readonly client: RegistryClient;
  /** The name in the store. */
  readonly reference: string | Reference;
  /** The name in the registry. @default `reference` */
  readonly remote?: string | Reference;
  /** Whether a tag that has another image is given this one. @default false */
  readonly override?: boolean;
  /** Also pushes each platform's manifest as `TAG-ARCHITECTURE`. @default false */
  readonly withArchitectureTags?: boolean;
  /** Uploads blobs in pieces of this size; some registries limit a request. @default in one request */
  readonly chunkBytes?: number;
  /** How often a broken upload is begun anew. @default once */
  readonly retry?: RetryPolicy;
  readonly progress?: ReportProgress;
  readonly signal?: AbortSignal;
}

const PARALLEL_UPLOADS = 4;

/**
 * Sends an image of the store to a registry: blobs first, then manifests, then the index, so that the registry
 * never has a name whose content is not whole. Blobs that the registry has are not sent, and those of another
 * repository there are mounted.
 *
 * @returns the descriptor of what the tag now means
 * @throws OrlopError oci.image-not-found, oci.tag-taken, oci.blob-not-found for a platform that is not here
 */
export async function pushImage(request: PushRequest): Promise<Descriptor> {
  const { store, client, override = false, signal } = request;
  const local = withDefaultTag(parsed(request.reference));
  const remote = withDefaultTag(parsed(request.remote ?? local));
  const top = await store.find(local);
  if (top === undefined) throw imageNotFound(formatReference(local));
  const version = remote.tag ?? top.digest;
  if (!override && remote.tag !== undefined) {
    const there = await client.headManifest(remote, remote.tag, { forPush: true, signal });
    if (there !== undefined && there !== top.digest)
      throw ociError('oci.tag-taken', `${formatReference(remote)} is another image (${there}) already`, {
        hint: 'push with --override to replace it',
      });
  }
  const manifests = isIndexType(top.mediaType) ? (await store.readIndex(top)).manifests : [];
  const blobs = new Map<string, Descriptor>();
  const present: Descriptor[] = [];
  for (const manifest of manifests) {
    if (!(await store.hasBlob(manifest))) {
      if ((await client.headManifest(remote, manifest.digest, { forPush: true, signal })) !== undefined)
        continue;
      throw ociError(
        'oci.blob-not-found',
        `neither store nor registry has the manifest ${manifest.digest} of ${formatReference(local)}`,
        { hint: 'pull the image with all its platforms' },
      );
    }
    present.push(manifest);
  }
  for (const manifest of manifests.length === 0 ? [top] : present) {
    const { config, layers } = await store.readManifest(manifest);
    for (const blob of [config, ...layers]) blobs.set(blob.digest, blob);
  }
  await uploadBlobs(request, { local, remote, blobs: [...blobs.values()] });
  for (const manifest of present) await putManifest(request, { remote, version: manifest.digest, manifest });
  await putManifest(request, { remote, version, manifest: top });
  if (request.withArchitectureTags && remote.tag !== undefined) {
    for (const manifest of present) {
      if (manifest.platform === undefined || isAttestation(manifest)) continue;
      const version = architectureTag(remote.tag, manifest.platform);
      await putManifest(request, { remote, version, manifest });
    }
  }
  return top;
}

async function uploadBlobs(
  request: PushRequest,
  { local, remote, blobs }: { local: Reference; remote: Reference; blobs: readonly Descriptor[] },
): Promise<void> {
  const { store, client, progress, chunkBytes, signal } = request;
  const total = blobs.reduce((sum, blob) => sum + blob.size, 0);
  const task = `push ${formatReference(remote)}`;
  let done = 0;
  const mountFrom =
    local.domain === remote.domain && local.repository !== remote.repository ? local.repository : undefined;
  await forEachConcurrently(blobs, {
    limit: PARALLEL_UPLOADS,
    signal,
    work: async (blob, abort) => {
      if (!(await client.hasBlob(remote, blob.digest, { signal: abort })))
        await upload(
          () =>
            client.putBlob(remote, blob, {
              open: (offset) => from(store.readBlob(blob, { signal: abort }), offset),
              mountFrom,
              chunkBytes,
              signal: abort,
            }),
          { retry: request.retry, signal: abort },
        );
      done += blob.size;
      progress?.({ task, done, total, unit: 'bytes' });
    },
  });
  progress?.({ task, done, total, unit: 'bytes', finished: true });
}

/** An upload that breaks off begins anew: registries forget what they have of it. */
async function upload(
  put: () => Promise<unknown>,
  { retry: policy, signal }: { retry: RetryPolicy | undefined; signal: AbortSignal },
): Promise<void> {
  const retry = new Retry({ retries: 1, ...policy });
  for (;;) {
    try {
      await put();
      return;
    } catch (error) {
      if (!isPassingError(error) || !(await retry.again({ signal }))) throw error;
    }
  }
}

async function putManifest(
  { store, client, signal }: PushRequest,
  { remote, version, manifest }: { remote: Reference; version: string; manifest: Descriptor },
): Promise<void> {
  const bytes = await store.readDocument(manifest);
  await client.putManifest(remote, version, { bytes, mediaType: manifest.mediaType, signal });
}

async function* from(content: AsyncIterable<Uint8Array>, offset: number): AsyncGenerator<Uint8Array> {
  let skip = offset;
  for await (const chunk of content) {
    if (skip >= chunk.length) skip -= chunk.length;
    else {
      yield skip === 0 ? chunk : chunk.subarray(skip);
      skip = 0;
    }
  }
}

function parsed(reference: string | Reference): Reference {
  return typeof reference === 'string' ? parseReference(reference) : reference;
}
