import type { SpdxDocument } from '@orlop/oci';

type Json = Readonly<Record<string, unknown>>;

/**
 * The packages of an SPDX document as a CycloneDX 1.6 list. It has no serial number, which would have to be
 * random: the same inputs give the same list.
 */
export function toCycloneDx(document: SpdxDocument): Json {
  const info = document['creationInfo'] as Json | undefined;
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: info?.['created'],
      tools: { components: [{ type: 'application', name: 'orlop' }] },
      component: { type: 'operating-system', 'bom-ref': 'image', name: document['name'] },
    },
    components: list(document['packages']).map(component),
    dependencies: dependencies(list(document['relationships'])),
  };
}

function component(one: Json): Json {
  const purl = list(one['externalRefs']).find((reference) => reference['referenceType'] === 'purl');
  const licence = one['licenseDeclared'] ?? one['licenseConcluded'];
  return {
    type: one['primaryPackagePurpose'] === 'CONTAINER' ? 'container' : 'library',
    'bom-ref': one['SPDXID'],
    name: one['name'],
    ...(one['versionInfo'] === undefined ? {} : { version: one['versionInfo'] }),
    ...(typeof licence !== 'string' || licence === 'NOASSERTION' || licence === 'NONE'
      ? {}
      : { licenses: [{ expression: licence }] }),
    ...(purl === undefined ? {} : { purl: purl['referenceLocator'] }),
  };
}

/** What contains or needs what, of packages only. */
function dependencies(relationships: readonly Json[]): readonly Json[] {
  const on = new Map<string, string[]>();
  for (const one of relationships) {
    const type = one['relationshipType'];
    const from = one['spdxElementId'] === 'SPDXRef-DOCUMENT' ? 'image' : one['spdxElementId'];
    const to = one['relatedSpdxElement'];
    if (type !== 'DESCRIBES' && type !== 'CONTAINS' && type !== 'DEPENDS_ON') continue;
    if (typeof from !== 'string' || typeof to !== 'string' || to.includes('-File-')) continue;
    const known = on.get(from) ?? [];
    if (!known.includes(to)) on.set(from, [...known, to]);
  }
  return [...on].map(([ref, dependsOn]) => ({ ref, dependsOn }));
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value)
    ? value.filter((item): item is Json => typeof item === 'object' && item !== null && !Array.isArray(item))
    : [];
}
