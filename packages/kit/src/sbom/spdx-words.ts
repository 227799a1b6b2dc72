import { list } from './json.ts';

/**
 * Words of SPDX 2.3 that its clauses, versions before it and its JSON schema spell in different ways, each with the
 * spelling that the schema takes.
 */
const PUBLISHED: ReadonlyMap<unknown, string> = new Map([
  ['PACKAGE_MANAGER', 'PACKAGE-MANAGER'],
  ['PERSISTENT_ID', 'PERSISTENT-ID'],
  // Clause 7.24 has a dash.
  ['OPERATING-SYSTEM', 'OPERATING_SYSTEM'],
]);

/** A package of an SPDX document with the categories and the purpose that it names as the published schema has them. */
export function withPublishedWords(item: Record<string, unknown>): Record<string, unknown> {
  const word = (value: unknown): unknown => PUBLISHED.get(value) ?? value;
  const { primaryPackagePurpose: purpose, externalRefs: references } = item;
  return {
    ...item,
    ...(purpose === undefined ? {} : { primaryPackagePurpose: word(purpose) }),
    ...(references === undefined
      ? {}
      : {
          externalRefs: list(references).map((one) => ({
            ...one,
            referenceCategory: word(one['referenceCategory']),
          })),
        }),
  };
}
