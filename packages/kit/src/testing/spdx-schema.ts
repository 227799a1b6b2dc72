/**
 * What SPDX 2.3 demands of the parts of a document that bills of materials here have, as a JSON schema (SPDX 2.3
 * clauses 6 to 9 and 11). The published schema is in no package that could be installed for tests; the words that
 * it allows in each list are here, and its spelling where the clauses' differs (docs/design/0068).
 */
const text = { type: 'string', minLength: 1 } as const;
const texts = { type: 'array', items: text } as const;
const closed = { type: 'object', additionalProperties: false } as const;
/** Clause 6.3 and 7.2: letters, numbers, dots and dashes. */
const id = { type: 'string', pattern: '^SPDXRef-[a-zA-Z0-9.-]+$' } as const;
/** Clause 6.9: UTC, whole seconds. */
const date = { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z$' } as const;
/** Clause 7.5 and 6.8. */
const agent = { type: 'string', pattern: '^(Person|Organization|Tool): \\S|^NOASSERTION$' } as const;

const checksum = {
  ...closed,
  properties: {
    algorithm: {
      enum: [
        ...['SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512', 'SHA3-256', 'SHA3-384', 'SHA3-512'],
        ...['BLAKE2b-256', 'BLAKE2b-384', 'BLAKE2b-512', 'BLAKE3', 'MD2', 'MD4', 'MD5', 'MD6', 'ADLER32'],
      ],
    },
    checksumValue: { type: 'string', pattern: '^[0-9a-f]+$' },
  },
  required: ['algorithm', 'checksumValue'],
} as const;

const externalReference = {
  ...closed,
  properties: {
    referenceCategory: { enum: ['SECURITY', 'PACKAGE-MANAGER', 'PERSISTENT-ID', 'OTHER'] },
    referenceType: { type: 'string', pattern: '^[a-zA-Z0-9.-]+$' },
    referenceLocator: { type: 'string', pattern: '^\\S+$' },
    comment: text,
  },
  required: ['referenceCategory', 'referenceType', 'referenceLocator'],
} as const;

const element = {
  SPDXID: id,
  comment: text,
  checksums: { type: 'array', items: checksum },
  licenseConcluded: text,
  copyrightText: text,
  licenseComments: text,
  attributionTexts: texts,
} as const;

const packageElement = {
  ...closed,
  properties: {
    ...element,
    name: text,
    versionInfo: text,
    packageFileName: text,
    supplier: agent,
    originator: agent,
    downloadLocation: text,
    filesAnalyzed: { type: 'boolean' },
    hasFiles: { type: 'array', items: id },
    homepage: { type: 'string', pattern: '^(NONE|NOASSERTION|[a-z][a-z0-9+.-]*:\\S+)$' },
    sourceInfo: text,
    licenseDeclared: text,
    licenseInfoFromFiles: texts,
    summary: text,
    description: text,
    externalRefs: { type: 'array', items: externalReference },
    primaryPackagePurpose: {
      enum: [
        ...['APPLICATION', 'FRAMEWORK', 'LIBRARY', 'CONTAINER', 'OPERATING_SYSTEM', 'DEVICE'],
        ...['FIRMWARE', 'SOURCE', 'ARCHIVE', 'FILE', 'INSTALL', 'OTHER'],
      ],
    },
    releaseDate: date,
    builtDate: date,
    validUntilDate: date,
  },
  required: ['SPDXID', 'name', 'downloadLocation'],
} as const;

const fileElement = {
  ...closed,
  properties: {
    ...element,
    fileName: text,
    // Clause 8.4: a checksum is mandatory, and one by SHA-1 among them.
    checksums: { type: 'array', items: checksum, minItems: 1 },
    fileTypes: {
      type: 'array',
      items: {
        enum: [
          ...['SOURCE', 'BINARY', 'ARCHIVE', 'APPLICATION', 'AUDIO', 'IMAGE', 'TEXT', 'VIDEO'],
          ...['DOCUMENTATION', 'SPDX', 'OTHER'],
        ],
      },
    },
    licenseInfoInFiles: texts,
    noticeText: text,
    fileContributors: texts,
  },
  required: ['SPDXID', 'fileName', 'checksums'],
} as const;

/** Clause 11.1, table 68. */
const relationshipTypes = [
  ...['DESCRIBES', 'DESCRIBED_BY', 'CONTAINS', 'CONTAINED_BY', 'DEPENDS_ON', 'DEPENDENCY_OF'],
  ...['DEPENDENCY_MANIFEST_OF', 'BUILD_DEPENDENCY_OF', 'DEV_DEPENDENCY_OF', 'OPTIONAL_DEPENDENCY_OF'],
  ...['PROVIDED_DEPENDENCY_OF', 'TEST_DEPENDENCY_OF', 'RUNTIME_DEPENDENCY_OF', 'EXAMPLE_OF', 'GENERATES'],
  ...['GENERATED_FROM', 'ANCESTOR_OF', 'DESCENDANT_OF', 'VARIANT_OF', 'DISTRIBUTION_ARTIFACT', 'PATCH_FOR'],
  ...['PATCH_APPLIED', 'COPY_OF', 'FILE_ADDED', 'FILE_DELETED', 'FILE_MODIFIED', 'EXPANDED_FROM_ARCHIVE'],
  ...[
    'DYNAMIC_LINK',
    'STATIC_LINK',
    'DATA_FILE_OF',
    'TEST_CASE_OF',
    'BUILD_TOOL_OF',
    'DEV_TOOL_OF',
    'TEST_OF',
  ],
  ...['TEST_TOOL_OF', 'DOCUMENTATION_OF', 'OPTIONAL_COMPONENT_OF', 'METAFILE_OF', 'PACKAGE_OF', 'AMENDS'],
  ...['PREREQUISITE_FOR', 'HAS_PREREQUISITE', 'REQUIREMENT_DESCRIPTION_FOR', 'SPECIFICATION_FOR', 'OTHER'],
] as const;

const relationship = {
  ...closed,
  properties: {
    spdxElementId: id,
    relatedSpdxElement: {
      type: 'string',
      pattern: '^(SPDXRef-[a-zA-Z0-9.-]+|NONE|NOASSERTION)$',
    },
    relationshipType: { enum: relationshipTypes },
    comment: text,
  },
  required: ['spdxElementId', 'relatedSpdxElement', 'relationshipType'],
} as const;

export const spdxSchema = {
  ...closed,
  properties: {
    spdxVersion: { const: 'SPDX-2.3' },
    dataLicense: { const: 'CC0-1.0' },
    SPDXID: { const: 'SPDXRef-DOCUMENT' },
    name: text,
    // Clause 6.5: an absolute URI without a fragment.
    documentNamespace: { type: 'string', pattern: '^[a-z][a-z0-9+.-]*:[^#\\s]+$' },
    comment: text,
    creationInfo: {
      ...closed,
      properties: {
        created: date,
        creators: { type: 'array', minItems: 1, items: agent },
        comment: text,
        licenseListVersion: text,
      },
      required: ['created', 'creators'],
    },
    hasExtractedLicensingInfos: {
      type: 'array',
      items: {
        ...closed,
        properties: {
          licenseId: { type: 'string', pattern: '^LicenseRef-[a-zA-Z0-9.-]+$' },
          extractedText: text,
          name: text,
          comment: text,
          seeAlsos: texts,
          crossRefs: { type: 'array' },
        },
        required: ['licenseId', 'extractedText'],
      },
    },
    packages: { type: 'array', items: packageElement },
    files: { type: 'array', items: fileElement },
    relationships: { type: 'array', items: relationship },
  },
  required: ['spdxVersion', 'dataLicense', 'SPDXID', 'name', 'documentNamespace', 'creationInfo'],
} as const;
