import { OrlopError, type ReportProgress } from '@orlop/core';
import { forEachConcurrently } from './concurrent.ts';
import { parseIndex, parseManifest } from './documents.ts';
import { ociError } from './errors.ts';
import { MAX_INDEX_DEPTH } from './image.ts';
import { ANNOTATION, isIndexType, isManifestType } from './media-types.ts';
import { formatPlatform, platformFit } from './platform.ts';
import { formatReference, parseReference, type Reference, withDefaultTag } from './reference.ts';
import type { RegistryClient } from './registry/client.ts';
import type { RemoteManifest } from './registry/pulls.ts';
import { isPassingError, Retry, type RetryPolicy } from './registry/retry.ts';
import { isAttestation } from './sbom.ts';
import type { ImageStore } from './store.ts';
import type { Descriptor, Platform } from './types.ts';

export interface PullRequest {
  readonly store: ImageStore;
  readonly client: RegistryClient;
  readonly reference: string | Reference;
  /** Which manifests of an index to get, with their attestations. @default all of them */
  readonly platforms?: readonly Platform[];
  readonly progress?: ReportProgress;
  readonly signal?: AbortSignal | undefined;
  /** How often a broken download is taken up again. */
  readonly retry?: RetryPolicy;
}

/** Downloads at once; registries serve one slower than several. */
const PARALLEL_DOWNLOADS = 4;

/**
 * Gets an image from its registry (or the mirror for it) into the store and names it there. Blobs that the store
 * has are not fetched; interrupted ones are taken up where they stopped.
 *
 * @returns the descriptor of the index, or of the manifest where there is no index
 */
export async function pullImage(request: PullRequest): Promise<Descriptor> {
  const { store, client, platforms, signal } = request;
  const reference = withDefaultTag(
    typeof request.reference === 'string' ? parseReference(request.reference) : request.reference,
  );
  const name = formatReference(reference);
  const top = await client.getManifest(reference, reference.digest ?? reference.tag ?? 'latest', { signal });
  await keep(store, top, signal);
  const blobs = new Map<string, Descriptor>();
  const gather = async (manifest: RemoteManifest, depth: number): Promise<void> => {
    if (!isIndexType(manifest.descriptor.mediaType)) return collectBlobs(manifest, { name, into: blobs });
    if (depth > MAX_INDEX_DEPTH)
      throw ociError('oci.bad-document', `${name} has indexes in indexes, ${depth} deep`);
    const { manifests } = parseIndex(manifest.bytes, `the index of ${name}`);
    await forEachConcurrently(choose(manifests, { platforms, name }), {
      limit: PARALLEL_DOWNLOADS,
      signal,
      work: async (descriptor, abort) => {
        // Another kind of artifact nobody asked for.
        if (!isManifestType(descriptor.mediaType) && !isIndexType(descriptor.mediaType)) return;
        await gather(await fetchManifest(request, { reference, descriptor, signal: abort }), depth + 1);
      },
    });
  };
  await gather(top, 0);
  await fetchBlobs(request, { reference, name, blobs: [...blobs.values()] });
  await store.tag(reference, top.descriptor);
  return top.descriptor;
}

/** The manifests for the platforms, and the attestations about them. */
function choose(
  manifests: readonly Descriptor[],
  { platforms, name }: { platforms: readonly Platform[] | undefined; name: string },
): readonly Descriptor[] {
  if (platforms === undefined) return manifests;
  const chosen = new Set<Descriptor>();
  for (const platform of platforms) {
    let found = manifests.filter((m) => m.platform === undefined && !isAttestation(m));
    let best = 0;
    for (const manifest of manifests) {
      const fit = manifest.platform === undefined ? 0 : platformFit(platform, manifest.platform);
      if (fit <= best) continue;
      best = fit;
      found = [manifest];
    }
    if (found.length === 0)
      throw ociError(
        'oci.platform-not-found',
        `the image ${name} is not made for ${formatPlatform(platform)}; it is for ${
          manifests
            .flatMap((m) =>
              m.platform === undefined || isAttestation(m) ? [] : [formatPlatform(m.platform)],
            )
            .join(', ') || 'no platform'
        }`,
      );
    for (const manifest of found) chosen.add(manifest);
  }
  const digests = new Set<string | undefined>([...chosen].map(({ digest }) => digest));
  for (const manifest of manifests) {
    if (isAttestation(manifest) && digests.has(manifest.annotations?.[ANNOTATION.referenceDigest]))
      chosen.add(manifest);
  }
  return [...chosen];
}

function collectBlobs(
  { bytes, descriptor }: RemoteManifest,
  { name, into }: { name: string; into: Map<string, Descriptor> },
): void {
  const { config, layers } = parseManifest(bytes, `the manifest of ${name} (${descriptor.digest})`);
  for (const blob of [config, ...layers]) into.set(blob.digest, blob);
}

async function fetchManifest(
  { store, client }: PullRequest,
  { reference, descriptor, signal }: { reference: Reference; descriptor: Descriptor; signal: AbortSignal },
): Promise<RemoteManifest> {
  if (await store.hasBlob(descriptor)) return { descriptor, bytes: await store.readDocument(descriptor) };
  const manifest = await client.getManifest(reference, descriptor.digest, { signal });
  if (manifest.descriptor.size !== descriptor.size)
    throw ociError(
      'oci.size-mismatch',
      `the manifest ${descriptor.digest} has ${manifest.descriptor.size} bytes, not ${descriptor.size}`,
    );
  await keep(store, manifest, signal);
  return manifest;
}

async function keep(store: ImageStore, manifest: RemoteManifest, signal?: AbortSignal): Promise<void> {
  const { descriptor, bytes } = manifest;
  async function* once() {
    yield bytes;
  }
  await store.writeBlob(once(), { mediaType: descriptor.mediaType, expected: descriptor, signal });
}

async function fetchBlobs(
  request: PullRequest,
  { reference, name, blobs }: { reference: Reference; name: string; blobs: readonly Descriptor[] },
): Promise<void> {
  const { store, progress, signal } = request;
  const missing: Descriptor[] = [];
  for (const blob of blobs) if (!(await store.hasBlob(blob))) missing.push(blob);
  if (missing.length === 0) return;
  const total = missing.reduce((sum, blob) => sum + blob.size, 0);
  const task = `pull ${name}`;
  let done = 0;
  const advance = (bytes: number) => {
    done += bytes;
    progress?.({ task, done, total, unit: 'bytes' });
  };
  await forEachConcurrently(missing, {
    limit: PARALLEL_DOWNLOADS,
    signal,
    work: (blob, abort) => download(request, { reference, blob, advance, signal: abort }),
  });
  progress?.({ task, done, total, unit: 'bytes', finished: true });
}

/** One blob, in as many attempts as it takes; each goes on where the one before stopped. */
async function download(
  { store, client, retry: policy }: PullRequest,
  {
    reference,
    blob,
    advance,
    signal,
  }: { reference: Reference; blob: Descriptor; advance: (bytes: number) => void; signal: AbortSignal },
): Promise<void> {
  const draft = await store.beginDownload(blob);
  let have = draft.resumedBytes;
  advance(have);
  const retry = new Retry(policy);
  try {
    if (have > blob.size) {
      await draft.restart();
      advance(-have);
      have = 0;
    }
    while (have < blob.size) {
      const answer = await client.getBlob(reference, blob, { offset: have, signal });
      try {
        if (answer.offset !== have) {
          await draft.restart();
          advance(-have);
          have = 0;
        }
        for await (const chunk of readable(answer.body, blob)) {
          signal.throwIfAborted();
          if (have + chunk.length > blob.size)
            throw ociError(
              'oci.size-mismatch',
              `the registry sends more than the ${blob.size} bytes of ${blob.digest}`,
            );
          await draft.write(chunk);
          have += chunk.length;
          advance(chunk.length);
          retry.reset();
        }
      } catch (error) {
        answer.drop();
        signal.throwIfAborted();
        if (!isPassingError(error)) throw error;
        if (await retry.again({ signal })) continue;
        if (!answer.giveUp(error)) throw error;
        retry.reset();
        continue;
      }
      if (have === blob.size || (await retry.again({ signal }))) continue;
      const short = ociError(
        'oci.size-mismatch',
        `the registry sends only ${have} of the ${blob.size} bytes of ${blob.digest}`,
      );
      if (!answer.giveUp(short)) throw short;
      retry.reset();
    }
  } catch (error) {
    if (error instanceof OrlopError && error.code === 'oci.size-mismatch') await draft.discard();
    else await draft.suspend();
    throw error;
  }
  await draft.commit(blob);
}

/** A connection that breaks in the middle is an operational failure like one that is not made. */
async function* readable(body: AsyncIterable<Uint8Array>, blob: Descriptor): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    throw ociError('oci.registry-unreachable', `the download of ${blob.digest} broke off`, { cause });
  }
}
