import type { SpdxDocument } from '@orlop/oci';
import { type Json, list } from './json.ts';

/**
 * The packages of an SPDX document as a CycloneDX 1.6 list. It has no serial number, which would have to be
 * random: the same inputs give the same list.
 */
export function toCycloneDx(document: SpdxDocument): Json {
  const components = list(document['packages']).map(component);
  const known = new Set([IMAGE_REF, ...components.map((one) => one['bom-ref'])]);
  const info = document['creationInfo'] as Json | undefined;
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: info?.['created'],
      tools: { components: [{ type: 'application', name: 'orlop' }] },
      component: { type: 'operating-system', 'bom-ref': IMAGE_REF, name: document['name'] },
    },
    components,
    dependencies: dependencies(list(document['relationships']), known),
  };
}

const IMAGE_REF = 'image';

function component(one: Json): Json {
  const purl = list(one['externalRefs']).find((reference) => reference['referenceType'] === 'purl');
  const licence = one['licenseDeclared'] ?? one['licenseConcluded'];
  const hashes = list(one['checksums'])
    .filter((checksum) => checksum['algorithm'] === 'SHA256')
    .map((checksum) => ({ alg: 'SHA-256', content: checksum['checksumValue'] }));
  return {
    type: one['primaryPackagePurpose'] === 'CONTAINER' ? 'container' : 'library',
    'bom-ref': one['SPDXID'],
    name: one['name'],
    ...(one['versionInfo'] === undefined ? {} : { version: one['versionInfo'] }),
    ...(hashes.length === 0 ? {} : { hashes }),
    ...(typeof licence !== 'string' || licence === 'NOASSERTION' || licence === 'NONE'
      ? {}
      : { licenses: [{ expression: licence }] }),
    ...(purl === undefined ? {} : { purl: purl['referenceLocator'] }),
  };
}

/** What contains or needs what, of packages only. */
function dependencies(relationships: readonly Json[], known: ReadonlySet<unknown>): readonly Json[] {
  const on = new Map<string, Set<string>>();
  for (const one of relationships) {
    const type = one['relationshipType'];
    const from = one['spdxElementId'] === 'SPDXRef-DOCUMENT' ? IMAGE_REF : one['spdxElementId'];
    const to = one['relatedSpdxElement'];
    if (type !== 'DESCRIBES' && type !== 'CONTAINS' && type !== 'DEPENDS_ON') continue;
    if (typeof from !== 'string' || typeof to !== 'string' || !known.has(from) || !known.has(to)) continue;
    const needs = on.get(from) ?? new Set();
    on.set(from, needs.add(to));
  }
  return [...on].map(([ref, needs]) => ({ ref, dependsOn: [...needs] }));
}
