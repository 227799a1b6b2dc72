import { describe, expect, it } from 'vitest';
import { toCycloneDx } from './cyclonedx.ts';
import { diffSboms, listPackages } from './diff.ts';
import type { Json } from './json.ts';
import { mergeSpdx } from './merge-spdx.ts';

/** An image's own document with packages of Debian by name and version. */
function image(name: string, digit: string, packages: Readonly<Record<string, string>>) {
  const document = {
    spdxVersion: 'SPDX-2.3',
    SPDXID: 'SPDXRef-DOCUMENT',
    packages: Object.entries(packages).map(([own, version]) => ({
      SPDXID: `SPDXRef-Package-${own}`,
      name: own,
      versionInfo: version,
      externalRefs: [
        { referenceType: 'purl', referenceLocator: `pkg:deb/debian/${own}@${version}?arch=amd64` },
      ],
    })),
    relationships: [],
  };
  const digest = `sha256:${digit.repeat(64)}`;
  return { reference: `docker.io/orlop/${name}:latest`, digest, prefixes: [''], documents: [document] };
}
const merge = (...images: ReturnType<typeof image>[]) => mergeSpdx(images, { name: 'n' });
const packages = (document: Json) => listPackages(document) ?? [];

const before = merge(image('a', '1', { libc6: '2.41', gone: '1' }), image('b', '2', { libc6: '2.41' }));
const after = merge(image('a', '3', { libc6: '2.42', new: '1' }), image('b', '2', { libc6: '2.41' }));

describe('diffSboms', () => {
  const expected = {
    added: [{ id: 'pkg:deb/debian/new', name: 'new', image: false, versions: ['1'] }],
    removed: [{ id: 'pkg:deb/debian/gone', name: 'gone', image: false, versions: ['1'] }],
    changed: [
      {
        id: 'image:docker.io/orlop/a',
        name: 'docker.io/orlop/a',
        image: true,
        from: ['latest@111111111111'],
        to: ['latest@333333333333'],
      },
      { id: 'pkg:deb/debian/libc6', name: 'libc6', image: false, from: ['2.41'], to: ['2.41', '2.42'] },
    ],
  };

  it('tells what came, went and changed, of several versions too', () => {
    expect(diffSboms(packages(before), packages(after))).toEqual(expected);
  });

  it('tells the same of CycloneDX, and nothing between the two forms of one list', () => {
    expect(diffSboms(packages(toCycloneDx(before)), packages(toCycloneDx(after)))).toEqual(expected);
    expect(diffSboms(packages(before), packages(toCycloneDx(before)))).toEqual({
      added: [],
      removed: [],
      changed: [],
    });
  });
});

describe('listPackages', () => {
  it('counts an image that lists itself by its digest once', () => {
    const own = {
      SPDXID: 'SPDXRef-Image',
      name: 'docker.io/orlop/a',
      versionInfo: `sha256:${'1'.repeat(64)}`,
      primaryPackagePurpose: 'CONTAINER',
    };
    const whole = image('a', '1', {});
    const [document] = whole.documents;
    const merged = mergeSpdx([{ ...whole, documents: [{ ...document, packages: [own] }] }], { name: 'n' });
    expect(packages(merged).map(({ versions }) => versions)).toEqual([['latest@111111111111']]);
  });

  it('knows no other documents', () => {
    expect(listPackages({ packages: [] })).toBeUndefined();
    expect(listPackages({ spdxVersion: 'SPDX-3.0', packages: [] })).toBeUndefined();
  });
});

describe('toCycloneDx', () => {
  it('has every reference once, and relates only what it lists', () => {
    const { components, dependencies } = toCycloneDx(after) as unknown as {
      components: { 'bom-ref': string }[];
      dependencies: { ref: string; dependsOn: string[] }[];
    };
    const refs = components.map((one) => one['bom-ref']);
    expect(new Set(refs).size).toBe(refs.length);
    const known = new Set(['image', ...refs]);
    for (const { ref, dependsOn } of dependencies)
      expect([ref, ...dependsOn].filter((one) => !known.has(one))).toEqual([]);
    expect(new Set(dependencies.map(({ ref }) => ref)).size).toBe(dependencies.length);
  });

  it('is the same for the same images', () => {
    const twice = [1, 2].map(() => JSON.stringify(toCycloneDx(merge(image('a', '1', { x: '1' })))));
    expect(twice[0]).toBe(twice[1]);
  });
});
