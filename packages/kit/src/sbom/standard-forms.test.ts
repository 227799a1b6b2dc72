import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import Ajv from 'ajv';
import parseLicence from 'spdx-expression-parse';
import { describe, expect, it } from 'vitest';
import { spdxSchema } from '../testing/spdx-schema.ts';
import { toCycloneDx } from './cyclonedx.ts';
import { mergeSpdx } from './merge-spdx.ts';

const sha = (digit: string) => digit.repeat(64);

/** As `orlop pkg build` attaches one to a component. */
const ofComponent = {
  spdxVersion: 'SPDX-2.3',
  dataLicense: 'CC0-1.0',
  SPDXID: 'SPDXRef-DOCUMENT',
  name: 'orlop/redis',
  documentNamespace: 'https://orlop.invalid/spdx/redis',
  creationInfo: { created: '2017-04-18T16:30:00Z', creators: ['Tool: orlop'] },
  packages: [
    {
      SPDXID: 'SPDXRef-Package-redis-5-8.0.2',
      name: 'redis',
      versionInfo: '5:8.0.2-3',
      supplier: 'Organization: Debian Redis Team',
      downloadLocation: 'NOASSERTION',
      filesAnalyzed: false,
      checksums: [{ algorithm: 'SHA256', checksumValue: sha('a') }],
      licenseDeclared: 'NOASSERTION',
      homepage: 'https://redis.io/',
      externalRefs: [
        {
          referenceCategory: 'PACKAGE-MANAGER',
          referenceType: 'purl',
          referenceLocator: 'pkg:deb/debian/redis@5%3A8.0.2-3?arch=amd64&distro=trixie',
        },
      ],
    },
  ],
  relationships: [
    {
      spdxElementId: 'SPDXRef-DOCUMENT',
      relationshipType: 'DESCRIBES',
      relatedSpdxElement: 'SPDXRef-Package-redis-5-8.0.2',
    },
  ],
};

/** As a scanner of images makes one, with what is left of older versions and of parts that are not taken along. */
const ofScanner = (text: string) => ({
  spdxVersion: 'SPDX-2.2',
  SPDXID: 'SPDXRef-DOCUMENT',
  documentDescribes: ['SPDXRef-app'],
  packages: [
    {
      SPDXID: 'SPDXRef-app',
      name: 'app',
      downloadLocation: 'NONE',
      licenseDeclared: 'MIT AND LicenseRef-own',
      licenseConcluded: 'LicenseRef-own',
      hasFiles: ['SPDXRef-file'],
      primaryPackagePurpose: 'OPERATING-SYSTEM',
      externalRefs: [
        { referenceCategory: 'PACKAGE_MANAGER', referenceType: 'purl', referenceLocator: 'pkg:npm/app@1' },
        { referenceCategory: 'PERSISTENT_ID', referenceType: 'swh', referenceLocator: 'swh:1:cnt:94a9' },
      ],
    },
    { name: 'without an identifier', downloadLocation: 'NONE' },
  ],
  files: [
    {
      SPDXID: 'SPDXRef-file',
      fileName: './app.js',
      checksums: [{ algorithm: 'SHA1', checksumValue: 'b'.repeat(40) }],
      fileTypes: ['SOURCE'],
      licenseInfoInFiles: ['LicenseRef-own'],
    },
  ],
  relationships: [
    { spdxElementId: 'SPDXRef-app', relationshipType: 'CONTAINS', relatedSpdxElement: 'SPDXRef-file' },
    { spdxElementId: 'SPDXRef-app', relationshipType: 'DEPENDS_ON', relatedSpdxElement: 'SPDXRef-Snippet' },
    {
      spdxElementId: 'SPDXRef-app',
      relationshipType: 'OTHER',
      relatedSpdxElement: 'DocumentRef-x:SPDXRef-y',
    },
  ],
  hasExtractedLicensingInfos: [{ licenseId: 'LicenseRef-own', extractedText: text }],
});

const image = (name: string, digit: string, documents: readonly Record<string, unknown>[]) => ({
  reference: `docker.io/team/${name}:1`,
  digest: `sha256:${sha(digit)}`,
  prefixes: [`containers/services/${name}/lower`],
  documents,
});

const merged = mergeSpdx(
  [
    image('redis', '1', [ofComponent]),
    image('one', '2', [ofScanner('one text')]),
    image('same', '3', [ofScanner('one text'), ofComponent]),
    image('other', '4', [ofScanner('another text')]),
    image('bare', '5', []),
  ],
  { name: 'an image' },
) as unknown as Merged;

interface Licensed {
  readonly SPDXID: string;
  readonly licenseDeclared?: string;
  readonly licenseConcluded?: string;
}

interface Merged extends Record<string, unknown> {
  readonly packages: readonly Licensed[];
  readonly files: readonly Licensed[];
  readonly relationships: readonly { spdxElementId: string; relatedSpdxElement: string }[];
  readonly hasExtractedLicensingInfos: readonly { licenseId: string; extractedText: string }[];
}

describe('mergeSpdx', () => {
  const validate = new Ajv({ allErrors: true, strict: true, strictTypes: false }).compile(spdxSchema);

  it('makes a document of SPDX 2.3, whatever the documents of the images were', () => {
    validate(merged);
    expect(validate.errors).toBeNull();
    expect(validate({ ...merged, documentNamespace: 'a#b' })).toBe(false);
    expect(validate({ ...merged, packages: [{ name: 'x', downloadLocation: 'NONE' }] })).toBe(false);
  });

  it('has every identifier once, and relates what it has', () => {
    const ids = [...merged.packages, ...merged.files].map(({ SPDXID }) => SPDXID);
    expect(new Set(ids).size).toBe(ids.length);
    const known = new Set([...ids, 'SPDXRef-DOCUMENT']);
    const ends = merged.relationships.flatMap((one) => [one.spdxElementId, one.relatedSpdxElement]);
    expect(ends.filter((end) => !known.has(end))).toEqual([]);
    const contained = new Set(merged.relationships.map(({ relatedSpdxElement }) => relatedSpdxElement));
    expect(ids.filter((id) => !contained.has(id))).toEqual([]);
  });

  it('has licence expressions that parse, each own licence with the text that it had', () => {
    const texts = new Map(
      merged.hasExtractedLicensingInfos.map(({ licenseId, extractedText }) => [licenseId, extractedText]),
    );
    expect([...texts.values()]).toEqual(['one text', 'another text']);
    const concluded: (string | undefined)[] = [];
    for (const { licenseDeclared = 'NOASSERTION', licenseConcluded } of merged.packages) {
      if (licenseDeclared !== 'NOASSERTION')
        expect(parseLicence(licenseDeclared)).toMatchObject({ conjunction: 'and' });
      if (licenseConcluded !== undefined) concluded.push(texts.get(licenseConcluded));
    }
    expect(concluded).toEqual(['one text', 'one text', 'another text']);
  });
});

describe('toCycloneDx', () => {
  it('makes what the published schema of CycloneDX 1.6 takes', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    const list = toCycloneDx(merged) as Record<string, unknown>;
    expect(await validator.validate(JSON.stringify(list))).toBeNull();
    const broken = { ...list, components: [{ type: 'nonsense', name: 'x' }] };
    expect(await validator.validate(JSON.stringify(broken))).not.toBeNull();
  });
});
