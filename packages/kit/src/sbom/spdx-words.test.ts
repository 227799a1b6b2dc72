import { expect, it } from 'vitest';
import { withPublishedWords } from './spdx-words.ts';

it.each([
  ['PACKAGE_MANAGER', 'PACKAGE-MANAGER'],
  ['OTHER', 'OTHER'],
  ['constructor', 'constructor'],
])('withPublishedWords has the category %s as %s', (given, published) => {
  const item = { externalRefs: [{ referenceCategory: given }] };
  expect(withPublishedWords(item)).toEqual({ externalRefs: [{ referenceCategory: published }] });
});
