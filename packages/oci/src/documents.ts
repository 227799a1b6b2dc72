import { isDigest } from './digest.ts';
import { ociError } from './errors.ts';
import { isIndexType, isManifestType, MEDIA } from './media-types.ts';
import type { Descriptor, ImageConfig, ImageIndex, ImageManifest, Platform } from './types.ts';

/**
 * Reading of the JSON documents of an image. What comes from a registry or a file is checked here, once: the
 * rest of the package trusts the types.
 */

/** Larger documents are refused: registries do so too (distribution-spec "Pushing Manifests", 4 MiB). */
export const MAX_DOCUMENT_BYTES = 8 * 1024 * 1024;

type JsonObject = Readonly<Record<string, unknown>>;

/** @throws OrlopError oci.bad-document */
export function parseManifest(bytes: Uint8Array, subject: string): ImageManifest {
  const json = parseObject(bytes, subject);
  const mediaType = optionalText(json, { key: 'mediaType', subject }) ?? MEDIA.manifest;
  requireSchema2(json, subject);
  if (!isManifestType(mediaType)) throw bad(subject, `its mediaType ${mediaType} is no image manifest's`);
  const artifactType = optionalText(json, { key: 'artifactType', subject });
  const annotations = parseAnnotations(json['annotations'], subject);
  return {
    schemaVersion: 2,
    mediaType,
    config: parseDescriptor(json['config'], `config of ${subject}`),
    layers: array(json['layers'], { key: 'layers', subject }).map((layer, index) =>
      parseDescriptor(layer, `layer ${index} of ${subject}`),
    ),
    ...(json['subject'] !== undefined && {
      subject: parseDescriptor(json['subject'], `subject of ${subject}`),
    }),
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations !== undefined && { annotations }),
  };
}

/** @throws OrlopError oci.bad-document */
export function parseIndex(bytes: Uint8Array, subject: string): ImageIndex {
  const json = parseObject(bytes, subject);
  const mediaType = optionalText(json, { key: 'mediaType', subject }) ?? MEDIA.index;
  requireSchema2(json, subject);
  if (!isIndexType(mediaType)) throw bad(subject, `its mediaType ${mediaType} is no image index's`);
  const annotations = parseAnnotations(json['annotations'], subject);
  return {
    schemaVersion: 2,
    mediaType,
    manifests: array(json['manifests'], { key: 'manifests', subject }).map((manifest, index) =>
      parseDescriptor(manifest, `manifest ${index} of ${subject}`),
    ),
    ...(annotations !== undefined && { annotations }),
  };
}

function requireSchema2({ schemaVersion }: JsonObject, subject: string): void {
  if (schemaVersion === 2) return;
  const hint = schemaVersion === 1 ? ", Docker's form of before 2016: push the image anew" : '';
  throw bad(subject, `schemaVersion is ${JSON.stringify(schemaVersion)}; only 2 is supported${hint}`);
}

/**
 * Checks what Orlop relies on; further members stay as they are.
 *
 * @throws OrlopError oci.bad-document
 */
export function parseConfig(bytes: Uint8Array, subject: string): ImageConfig {
  const json = parseObject(bytes, subject);
  for (const key of ['architecture', 'os'] as const) {
    if (typeof json[key] !== 'string') throw bad(subject, `${key} is missing`);
  }
  const rootfs = json['rootfs'];
  if (!isObject(rootfs) || !Array.isArray(rootfs['diff_ids']))
    throw bad(subject, 'rootfs.diff_ids is missing');
  for (const id of rootfs['diff_ids']) {
    if (typeof id !== 'string' || !isDigest(id))
      throw bad(subject, `rootfs.diff_ids has ${JSON.stringify(id)}`);
  }
  const config = json['config'];
  if (config !== undefined && config !== null) {
    if (!isObject(config)) throw bad(subject, 'config is no object');
    for (const key of ['Env', 'Entrypoint', 'Cmd'] as const) {
      const list = config[key];
      if (list === undefined || list === null) continue;
      if (!Array.isArray(list) || list.some((item) => typeof item !== 'string'))
        throw bad(subject, `config.${key} is no list of strings`);
    }
    for (const key of ['User', 'WorkingDir', 'StopSignal'] as const) {
      if (config[key] !== undefined && config[key] !== null && typeof config[key] !== 'string')
        throw bad(subject, `config.${key} is no string`);
    }
    if (config['Labels'] !== null) parseAnnotations(config['Labels'], `${subject}, config.Labels`);
  }
  return withoutNulls(json) as unknown as ImageConfig; // as checked above
}

/** @throws OrlopError oci.bad-document */
function parseDescriptor(value: unknown, subject: string): Descriptor {
  if (!isObject(value)) throw bad(subject, 'it is no descriptor');
  const { mediaType, digest, size } = value;
  if (typeof mediaType !== 'string') throw bad(subject, 'its mediaType is missing');
  if (typeof digest !== 'string' || !isDigest(digest))
    throw bad(subject, `its digest is ${JSON.stringify(digest)?.slice(0, 200)}`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw bad(subject, `its size is ${JSON.stringify(size)}`);
  const annotations = parseAnnotations(value['annotations'], subject);
  const artifactType = optionalText(value, { key: 'artifactType', subject });
  return {
    mediaType,
    digest,
    size,
    ...(isObject(value['platform']) && { platform: parsePlatformObject(value['platform'], subject) }),
    ...(annotations !== undefined && { annotations }),
    ...(artifactType !== undefined && { artifactType }),
  };
}

/** JSON with sorted keys at the top level only where the caller sorted them: bytes as given, repeatable. */
export function encodeDocument(document: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(document));
}

/** @throws OrlopError `oci.bad-document`, which names `subject` */
export function parseObject(bytes: Uint8Array, subject: string): JsonObject {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw ociError('oci.bad-document', `${subject} is no JSON`, { cause });
  }
  if (!isObject(json)) throw bad(subject, 'it is no JSON object');
  return json;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parsePlatformObject(json: JsonObject, subject: string): Platform {
  const { os, architecture, variant } = json;
  if (typeof os !== 'string' || typeof architecture !== 'string')
    throw bad(subject, 'its platform has no os or architecture');
  return { os, architecture, ...(typeof variant === 'string' && variant !== '' && { variant }) };
}

function parseAnnotations(value: unknown, subject: string): Readonly<Record<string, string>> | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw bad(subject, 'its annotations are no object');
  const annotations: Record<string, string> = {};
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw bad(subject, `the annotation ${JSON.stringify(key)} is no string`);
    Object.defineProperty(annotations, key, { value: text, enumerable: true, writable: true });
  }
  return annotations;
}

function array(value: unknown, { key, subject }: { key: string; subject: string }): readonly unknown[] {
  if (!Array.isArray(value)) throw bad(subject, `${key} is no list`);
  return value;
}

function optionalText(
  json: JsonObject,
  { key, subject }: { key: string; subject: string },
): string | undefined {
  const value = json[key];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw bad(subject, `${key} is no string`);
  return value;
}

/** Go's encoders write `null` for absent lists and maps. */
function withoutNulls(json: JsonObject): JsonObject {
  const kept = Object.entries(json).filter(([, value]) => value !== null);
  // Not by assignment: a member called __proto__ would become the prototype of what was checked.
  return Object.fromEntries(
    kept.map(([key, value]) => [key, key === 'config' && isObject(value) ? withoutNulls(value) : value]),
  );
}

function bad(subject: string, why: string): Error {
  return ociError('oci.bad-document', `${subject} cannot be used: ${why}`);
}
