import { encodeDocument, isObject, parseObject } from './documents.ts';
import { ociError } from './errors.ts';
import { choosePlatform } from './image.ts';
import { ANNOTATION, ATTESTATION_MANIFEST, isIndexType, MEDIA, SPDX_PREDICATE } from './media-types.ts';
import type { ImageStore } from './store.ts';
import type { Descriptor, ImageConfig, ImageManifest, Platform } from './types.ts';
import { writeDocument, writeIndex } from './write-image.ts';

/** An SPDX 2.3 document, as JSON. */
export type SpdxDocument = Readonly<Record<string, unknown>>;

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v0.1';
/** A statement is held in memory, parsed and not; those of whole distributions have some ten MiB. */
const MAX_STATEMENT_BYTES = 64 * 1024 * 1024;
const UNKNOWN: Platform = { os: 'unknown', architecture: 'unknown' };

/**
 * Adds an SBOM of one platform's manifest to an image's index, in BuildKit's form of attestations, so that other
 * tools find it. The new index has no name yet.
 *
 * @throws OrlopError oci.platform-not-found, oci.unsupported-media-type when `index` is no index
 */
export async function attachSbom(
  store: ImageStore,
  { index, platform, document }: { index: Descriptor; platform: Platform; document: SpdxDocument },
): Promise<Descriptor> {
  const { manifests, annotations } = await store.readIndex(requireIndex(index));
  const subject = choosePlatform(images(manifests), platform);
  if (subject === undefined)
    throw ociError(
      'oci.platform-not-found',
      `${index.digest} has no manifest for ${platform.architecture} to attach an SBOM to`,
    );
  const statement = await store.writeBlob(
    once({
      _type: STATEMENT_TYPE,
      predicateType: SPDX_PREDICATE,
      subject: [{ name: '_', digest: { sha256: subject.digest.replace(/^sha256:/, '') } }],
      predicate: document,
    }),
    { mediaType: MEDIA.inToto, annotations: { [ANNOTATION.predicateType]: SPDX_PREDICATE } },
  );
  const config: ImageConfig = {
    architecture: UNKNOWN.architecture,
    os: UNKNOWN.os,
    config: {},
    rootfs: { type: 'layers', diff_ids: [statement.digest] },
  };
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: await writeDocument(store, config, MEDIA.config),
    layers: [statement],
  };
  const attestation: Descriptor = {
    ...(await writeDocument(store, manifest, MEDIA.manifest)),
    platform: UNKNOWN,
    annotations: {
      [ANNOTATION.referenceDigest]: subject.digest,
      [ANNOTATION.referenceType]: ATTESTATION_MANIFEST,
    },
  };
  return writeIndex(store, [...manifests, attestation], annotations);
}

/**
 * The SBOMs that an image's index has for a platform; none for an image without an index.
 *
 * @throws OrlopError oci.bad-document for one that is no statement, or too long
 */
export async function readSboms(
  store: ImageStore,
  index: Descriptor,
  platform: Platform,
): Promise<readonly SpdxDocument[]> {
  if (!isIndexType(index.mediaType)) return [];
  const { manifests } = await store.readIndex(index);
  const subject = choosePlatform(images(manifests), platform);
  if (subject === undefined) return [];
  const documents: SpdxDocument[] = [];
  for (const attestation of manifests) {
    if (attestation.annotations?.[ANNOTATION.referenceType] !== ATTESTATION_MANIFEST) continue;
    if (attestation.annotations[ANNOTATION.referenceDigest] !== subject.digest) continue;
    for (const layer of (await store.readManifest(attestation)).layers) {
      if (layer.mediaType !== MEDIA.inToto) continue;
      const predicateType = layer.annotations?.[ANNOTATION.predicateType];
      if (predicateType !== undefined && predicateType !== SPDX_PREDICATE) continue;
      const bytes = await store.readDocument(layer, MAX_STATEMENT_BYTES);
      const statement = parseObject(bytes, `the attestation ${layer.digest}`);
      if (statement['predicateType'] === SPDX_PREDICATE && isObject(statement['predicate']))
        documents.push(statement['predicate']);
    }
  }
  return documents;
}

/** Whether an entry of an index is an image, and not a statement about one. */
export function isAttestation(descriptor: Descriptor): boolean {
  return descriptor.annotations?.[ANNOTATION.referenceType] === ATTESTATION_MANIFEST;
}

function images(manifests: readonly Descriptor[]): readonly Descriptor[] {
  return manifests.filter((manifest) => !isAttestation(manifest));
}

function requireIndex(descriptor: Descriptor): Descriptor {
  if (isIndexType(descriptor.mediaType)) return descriptor;
  throw ociError(
    'oci.unsupported-media-type',
    `${descriptor.digest} is ${descriptor.mediaType}; an SBOM is attached to an index`,
  );
}

async function* once(document: unknown): AsyncGenerator<Uint8Array> {
  yield encodeDocument(document);
}
