import type { Json } from './json.ts';
import { list } from './json.ts';

/** What a bill of materials lists, apart from its version. */
export interface ListedPackage {
  /** A package URL without its version, or a name. */
  readonly id: string;
  readonly name: string;
  /** Whether it is an image that others come from. */
  readonly image: boolean;
  /** In order, each once: several images may have several versions. */
  readonly versions: readonly string[];
}

export interface ChangedPackage {
  readonly id: string;
  readonly name: string;
  readonly image: boolean;
  readonly from: readonly string[];
  readonly to: readonly string[];
}

export interface SbomDiff {
  readonly added: readonly ListedPackage[];
  readonly removed: readonly ListedPackage[];
  readonly changed: readonly ChangedPackage[];
}

/** What the second list has that the first has not, and the other way; the order is that of the identifiers. */
export function diffSboms(before: readonly ListedPackage[], after: readonly ListedPackage[]): SbomDiff {
  const old = new Map(before.map((one) => [one.id, one]));
  const now = new Map(after.map((one) => [one.id, one]));
  const changed = [...now.values()].flatMap((one): readonly ChangedPackage[] => {
    const earlier = old.get(one.id);
    if (earlier === undefined || earlier.versions.join('\n') === one.versions.join('\n')) return [];
    return [{ id: one.id, name: one.name, image: one.image, from: earlier.versions, to: one.versions }];
  });
  return {
    added: [...now.values()].filter(({ id }) => !old.has(id)),
    removed: [...old.values()].filter(({ id }) => !now.has(id)),
    changed,
  };
}

/** The packages of an SPDX 2.x or CycloneDX document, sorted; undefined when it is neither. */
export function listPackages(document: Json): readonly ListedPackage[] | undefined {
  if (String(document['spdxVersion']).startsWith('SPDX-2.'))
    return collect(list(document['packages']).map(spdxPackage));
  if (document['bomFormat'] === 'CycloneDX') return collect(list(document['components']).map(component));
  return undefined;
}

interface OnePackage {
  readonly id: string;
  readonly name: string;
  readonly image: boolean;
  readonly version: string;
}

function spdxPackage(one: Json): OnePackage {
  const purl = list(one['externalRefs']).find((reference) => reference['referenceType'] === 'purl');
  const digest = list(one['checksums'])[0]?.['checksumValue'];
  return onePackage({
    name: one['name'],
    version: one['versionInfo'],
    purl: purl?.['referenceLocator'],
    image: one['primaryPackagePurpose'] === 'CONTAINER',
    digest,
  });
}

function component(one: Json): OnePackage {
  return onePackage({
    name: one['name'],
    version: one['version'],
    purl: one['purl'],
    image: one['type'] === 'container',
    digest: list(one['hashes'])[0]?.['content'],
  });
}

function onePackage({
  name,
  version,
  purl,
  image,
  digest,
}: {
  readonly name: unknown;
  readonly version: unknown;
  readonly purl: unknown;
  readonly image: boolean;
  readonly digest: unknown;
}): OnePackage {
  const own = text(name);
  // An image is another under the same tag when its digest is another.
  const given = text(version);
  const tag = given.startsWith('sha256:') ? '' : given;
  const hash = tag === given ? text(digest) : given.slice('sha256:'.length);
  const versions = image ? [tag, hash.slice(0, SHORT_DIGEST)] : [given];
  return {
    id: typeof purl === 'string' ? purl.replace(/[@?#].*$/s, '') : `${image ? 'image' : 'package'}:${own}`,
    name: own,
    image,
    version: versions.filter((part) => part !== '').join('@'),
  };
}

/** Enough to tell images apart, as Docker shows them. */
const SHORT_DIGEST = 12;

function collect(packages: readonly OnePackage[]): readonly ListedPackage[] {
  const byId = new Map<string, OnePackage[]>();
  for (const one of packages) byId.set(one.id, [...(byId.get(one.id) ?? []), one]);
  return [...byId]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, same]) => ({
      id,
      name: same[0]?.name ?? id,
      image: same[0]?.image ?? false,
      versions: distinct(same.map(({ version }) => version)),
    }));
}

/** An image that also lists itself, by its digest alone, counts once. */
function distinct(versions: readonly string[]): readonly string[] {
  const all = [...new Set(versions)];
  return all.filter((one) => !all.some((other) => other.endsWith(`@${one}`))).sort();
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
