import { createHash } from 'node:crypto';
import type { SpdxDocument } from '@orlop/oci';
import { GENERATED_MTIME } from '../compose/entries.ts';
import { list } from './json.ts';
import { withPublishedWords } from './spdx-words.ts';

/** The documents that came with one image, and where it is used. */
export interface ImageSboms {
  readonly reference: string;
  readonly digest: string;
  /** Folders of the composition that hold the image's files; empty text for the root. */
  readonly prefixes: readonly string[];
  readonly documents: readonly SpdxDocument[];
}

export interface MergeOptions {
  readonly name: string;
  /** Milliseconds since 1970. @default the time of everything that Orlop generates */
  readonly createdMs?: number;
}

/**
 * One SPDX 2.3 document of all that went into an image. Each image is a package that contains what its own
 * documents describe; each document is taken once, and its identifiers are made unique by a prefix. The
 * namespace is a digest of the content, so the same inputs give the same document.
 */
export function mergeSpdx(images: readonly ImageSboms[], options: MergeOptions): SpdxDocument {
  const created = new Date(options.createdMs ?? GENERATED_MTIME * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
  const merged = new MergedDocument();
  for (const image of uniqueImages(images)) merged.addImage(image);
  const content = merged.content();
  const hash = createHash('sha256')
    .update(JSON.stringify([options.name, content]))
    .digest('hex');
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: DOCUMENT_ID,
    name: options.name,
    // RFC 3986 wants a unique absolute URI, which need not lead anywhere (SPDX 2.3 §6.5).
    documentNamespace: `https://orlop.invalid/spdx/${encodeURIComponent(options.name)}-${hash}`,
    creationInfo: { created, creators: ['Tool: orlop'] },
    ...content,
  };
}

const DOCUMENT_ID = 'SPDXRef-DOCUMENT';

function uniqueImages(images: readonly ImageSboms[]): readonly ImageSboms[] {
  const byDigest = new Map<string, ImageSboms>();
  for (const image of images) {
    const same = byDigest.get(image.digest);
    byDigest.set(
      image.digest,
      same === undefined ? image : { ...same, prefixes: [...same.prefixes, ...image.prefixes] },
    );
  }
  return [...byDigest.values()];
}

type Json = Record<string, unknown>;

class MergedDocument {
  readonly #packages: Json[] = [];
  readonly #files: Json[] = [];
  readonly #relationships: Json[] = [];
  readonly #licences = new Map<string, Json>();
  #images = 0;

  /** Of relationships, those whose both ends are here: other documents and snippets are not taken along. */
  content(): Json {
    const known = new Set<unknown>([DOCUMENT_ID, 'NONE', 'NOASSERTION']);
    for (const item of [...this.#packages, ...this.#files]) known.add(item['SPDXID']);
    const relationships = this.#relationships.filter(
      (one) => known.has(one['spdxElementId']) && known.has(one['relatedSpdxElement']),
    );
    return {
      packages: this.#packages,
      ...(this.#files.length === 0 ? {} : { files: this.#files }),
      relationships,
      ...(this.#licences.size === 0 ? {} : { hasExtractedLicensingInfos: [...this.#licences.values()] }),
    };
  }

  addImage(image: ImageSboms): void {
    const imageId = `SPDXRef-Image-${this.#images}`;
    const [repository = '', version = ''] = splitVersion(image.reference);
    this.#packages.push({
      SPDXID: imageId,
      name: repository,
      ...(version === '' ? {} : { versionInfo: version }),
      downloadLocation: 'NOASSERTION',
      filesAnalyzed: false,
      checksums: [checksum(image.digest)],
      comment: `in ${image.prefixes.map((prefix) => `/${prefix}`).join(', ')}`,
      primaryPackagePurpose: 'CONTAINER',
    });
    this.#relate(DOCUMENT_ID, 'DESCRIBES', imageId);
    for (const [index, document] of image.documents.entries()) {
      this.#addDocument(document, {
        imageId,
        idPrefix: `SPDXRef-${this.#images}-${index}-`,
        pathPrefix: image.prefixes[0] ?? '',
      });
    }
    this.#images++;
  }

  #addDocument(
    document: SpdxDocument,
    place: { readonly imageId: string; readonly idPrefix: string; readonly pathPrefix: string },
  ): void {
    const { imageId, idPrefix, pathPrefix } = place;
    const own = (id: unknown): unknown => {
      if (typeof id !== 'string') return id;
      if (id === DOCUMENT_ID || id === document['SPDXID']) return imageId;
      return id.startsWith('SPDXRef-') ? `${idPrefix}${id.slice('SPDXRef-'.length)}` : id;
    };
    const renamed = this.#addLicences(document, idPrefix.replace('SPDXRef-', 'LicenseRef-'));
    const seen = new Set<unknown>();
    const take = (items: unknown, into: Json[], change: (item: Json) => Json): void => {
      for (const item of list(items)) {
        const id = own(item['SPDXID']);
        if (typeof id !== 'string' || seen.has(id)) continue;
        seen.add(id);
        into.push(change(withLicences({ ...item, SPDXID: id }, renamed)));
      }
    };
    take(document['packages'], this.#packages, (item) => ({
      ...withPublishedWords(item),
      ...(Array.isArray(item['hasFiles']) ? { hasFiles: item['hasFiles'].map(own) } : {}),
    }));
    take(document['files'], this.#files, (item) => ({
      ...item,
      fileName: prefixed(item['fileName'], pathPrefix),
    }));
    for (const item of list(document['relationships'])) {
      const type = item['relationshipType'];
      const from = own(item['spdxElementId']);
      const to = own(item['relatedSpdxElement']);
      // A document describes its packages; here the image contains them.
      this.#relate(from, from === imageId && type === 'DESCRIBES' ? 'CONTAINS' : type, to);
    }
    // An older way to say the same.
    const described = document['documentDescribes'];
    for (const id of Array.isArray(described) ? described : []) this.#relate(imageId, 'CONTAINS', own(id));
  }

  /** @returns new names of licences whose own names mean another text here already */
  #addLicences(document: SpdxDocument, prefix: string): ReadonlyMap<string, string> {
    const renamed = new Map<string, string>();
    for (const item of list(document['hasExtractedLicensingInfos'])) {
      const id = item['licenseId'];
      if (typeof id !== 'string') continue;
      const same = this.#licences.get(id);
      if (same === undefined) this.#licences.set(id, item);
      else if (same['extractedText'] !== item['extractedText']) {
        const name = `${prefix}${id.replace(/^LicenseRef-/, '')}`;
        renamed.set(id, name);
        this.#licences.set(name, { ...item, licenseId: name });
      }
    }
    return renamed;
  }

  #relate(from: unknown, type: unknown, to: unknown): void {
    this.#relationships.push({ spdxElementId: from, relationshipType: type, relatedSpdxElement: to });
  }
}

const LICENCE_FIELDS = [
  'licenseConcluded',
  'licenseDeclared',
  'licenseInfoFromFiles',
  'licenseInfoInFiles',
] as const;

/** An element whose licence expressions name licences by their new names. */
function withLicences(item: Json, renamed: ReadonlyMap<string, string>): Json {
  if (renamed.size === 0) return item;
  const rename = (value: unknown): unknown =>
    typeof value === 'string'
      ? value.replaceAll(/LicenseRef-[a-zA-Z0-9.-]+/g, (id) => renamed.get(id) ?? id)
      : Array.isArray(value)
        ? value.map(rename)
        : value;
  const changed = LICENCE_FIELDS.filter((field) => item[field] !== undefined);
  return { ...item, ...Object.fromEntries(changed.map((field) => [field, rename(item[field])])) };
}

function prefixed(name: unknown, prefix: string): unknown {
  if (typeof name !== 'string' || prefix === '') return name;
  return `${prefix}/${name.replace(/^\.?\/*/, '')}`;
}

function splitVersion(reference: string): readonly [string, string] {
  const at = reference.indexOf('@');
  const name = at === -1 ? reference : reference.slice(0, at);
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  return colon === -1 ? [name, ''] : [name.slice(0, colon), name.slice(colon + 1)];
}

function checksum(digest: string): Json {
  const [algorithm = '', value = ''] = digest.split(':');
  return { algorithm: algorithm.toUpperCase(), checksumValue: value };
}
