import { createHash } from 'node:crypto';
import type { DebianPackage } from './apt/packages.ts';

export interface SpdxRequest {
  /** The image's reference, as a name of the document. */
  readonly reference: string;
  readonly suite: string;
  readonly architecture: string;
  /** Digest of the image's manifest; it makes the document's namespace unique and yet the same every time. */
  readonly imageDigest: string;
  readonly packages: readonly DebianPackage[];
}

/** Of every image and document: an own time would make a build's bytes depend on when it was made. */
export const CREATED = '1970-01-01T00:00:00Z';

/**
 * The bill of materials of a component: an SPDX 2.3 document in JSON's object form, a package for the image and
 * one for each Debian package in it.
 */
export function spdxDocument(request: SpdxRequest): Readonly<Record<string, unknown>> {
  const { reference, suite, architecture, imageDigest, packages } = request;
  const image = 'SPDXRef-Image';
  const described = packages.map((entry) => debianPackage(entry, { suite }));
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: reference,
    documentNamespace: `urn:orlop:sbom:${createHash('sha256').update(`${reference}\n${imageDigest}`).digest('hex')}`,
    creationInfo: { created: CREATED, creators: ['Tool: orlop'] },
    packages: [
      {
        SPDXID: image,
        name: reference.replace(/:[^:/]*$/, ''),
        versionInfo: imageDigest,
        downloadLocation: 'NOASSERTION',
        filesAnalyzed: false,
        primaryPackagePurpose: 'CONTAINER',
        supplier: 'NOASSERTION',
        licenseConcluded: 'NOASSERTION',
        licenseDeclared: 'NOASSERTION',
        copyrightText: 'NOASSERTION',
        comment: `for linux/${architecture}, from Debian ${suite}`,
      },
      ...described,
    ],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: image },
      ...described.map(({ SPDXID }) => ({
        spdxElementId: image,
        relationshipType: 'CONTAINS',
        relatedSpdxElement: SPDXID,
      })),
    ],
  };
}

/** SPDX 2.3, clause 7 "Package information". */
function debianPackage(entry: DebianPackage, { suite }: { readonly suite: string }) {
  return {
    SPDXID: `SPDXRef-Package-${`${entry.name}-${entry.version}-${entry.architecture}`.replace(/[^A-Za-z0-9.-]/g, '-')}`,
    name: entry.name,
    versionInfo: entry.version,
    supplier:
      entry.maintainer === '' ? 'NOASSERTION' : `Organization: ${entry.maintainer.replace(/\s*<[^>]*>/, '')}`,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    checksums: [{ algorithm: 'SHA256', checksumValue: entry.sha256 }],
    sourceInfo: `built from the Debian source package ${entry.sourceName} ${entry.sourceVersion}`,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    copyrightText: 'NOASSERTION',
    ...(entry.homepage === undefined ? {} : { homepage: entry.homepage }),
    externalRefs: [
      {
        referenceCategory: 'PACKAGE-MANAGER',
        referenceType: 'purl',
        referenceLocator: packageUrl(entry, suite),
      },
    ],
  };
}

/** Package URL specification, type `deb`. */
export function packageUrl(entry: DebianPackage, suite: string): string {
  // Percent-encoded as the specification asks, where `:` stays as it is.
  const encode = (text: string) => encodeURIComponent(text).replaceAll('%3A', ':');
  return `pkg:deb/debian/${encode(entry.name)}@${encode(entry.version)}?arch=${entry.architecture}&distro=${encode(suite)}`;
}
