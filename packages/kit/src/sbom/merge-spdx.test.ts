import { describe, expect, it } from 'vitest';
import { toCycloneDx } from './cyclonedx.ts';
import { mergeSpdx } from './merge-spdx.ts';

const document = (name: string) => ({
  spdxVersion: 'SPDX-2.3',
  SPDXID: 'SPDXRef-DOCUMENT',
  documentNamespace: `https://x.invalid/${name}`,
  packages: [{ SPDXID: 'SPDXRef-Package-a', name }],
  files: [{ SPDXID: 'SPDXRef-File-a', fileName: './etc/a' }],
  relationships: [
    {
      spdxElementId: 'SPDXRef-DOCUMENT',
      relationshipType: 'DESCRIBES',
      relatedSpdxElement: 'SPDXRef-Package-a',
    },
    {
      spdxElementId: 'SPDXRef-Package-a',
      relationshipType: 'CONTAINS',
      relatedSpdxElement: 'SPDXRef-File-a',
    },
  ],
});
const image = (name: string, digit: string, prefixes: readonly string[]) => ({
  reference: `docker.io/orlop/${name}:1`,
  digest: `sha256:${digit.repeat(64)}`,
  prefixes,
  documents: [document(name)],
});

type Spdx = {
  documentNamespace: string;
  packages: { SPDXID: string; name: string }[];
  files: { SPDXID: string; fileName: string }[];
  relationships: { spdxElementId: string; relationshipType: string; relatedSpdxElement: string }[];
};

describe('mergeSpdx', () => {
  it('gives every element an identifier of its own, once for an image that occurs twice', () => {
    const images = [image('a', '1', ['']), image('b', '2', ['x/lower']), image('b', '2', ['y/lower'])];
    const merged = mergeSpdx(images, { name: 'n' }) as unknown as Spdx;
    const ids = [...merged.packages, ...merged.files].map(({ SPDXID }) => SPDXID);
    expect(new Set(ids).size).toBe(ids.length);
    expect(merged.packages.map(({ name }) => name)).toEqual([
      'docker.io/orlop/a',
      'a',
      'docker.io/orlop/b',
      'b',
    ]);
    expect(merged.files.map(({ fileName }) => fileName)).toEqual(['./etc/a', 'x/lower/etc/a']);
    const known = new Set([...ids, 'SPDXRef-DOCUMENT']);
    for (const one of merged.relationships) {
      expect(known.has(one.spdxElementId) && known.has(one.relatedSpdxElement)).toBe(true);
    }
    expect(
      merged.relationships.filter(({ relationshipType }) => relationshipType === 'DESCRIBES'),
    ).toHaveLength(2);
  });

  it('gives the same inputs the same namespace, others another', () => {
    const namespace = (name: string) =>
      (mergeSpdx([{ ...image(name, '1', ['']), documents: [] }], { name: 'n' }) as unknown as Spdx)
        .documentNamespace;
    expect(namespace('a')).toBe(namespace('a'));
    expect(namespace('a')).not.toBe(namespace('b'));
  });
});

describe('toCycloneDx', () => {
  it('lists the packages with what contains them', () => {
    const list = toCycloneDx(mergeSpdx([image('a', '1', [''])], { name: 'n' }));
    expect(list).toMatchObject({
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      components: [
        { type: 'container', 'bom-ref': 'SPDXRef-Image-0', name: 'docker.io/orlop/a', version: '1' },
        { type: 'library', name: 'a' },
      ],
      dependencies: [
        { ref: 'image', dependsOn: ['SPDXRef-Image-0'] },
        { ref: 'SPDXRef-Image-0', dependsOn: ['SPDXRef-0-0-Package-a'] },
      ],
    });
  });
});
