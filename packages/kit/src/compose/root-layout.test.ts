import { type ArchiveEntry, emptyBody } from '@orlop/archive';
import { describe, expect, it } from 'vitest';
import { RootLayout } from './root-layout.ts';

const origin = { source: 's', location: 'l' };

function entry(
  name: string,
  type: 'file' | 'directory' | 'hardlink' = 'file',
  linkName?: string,
): ArchiveEntry {
  const header = { name, type, mode: 0o755, uid: 0, gid: 0, sizeBytes: 0, mtime: 0 } as const;
  return { header: { ...header, ...(linkName === undefined ? {} : { linkName }) }, body: emptyBody };
}

const place = (layout: RootLayout, one: ArchiveEntry) =>
  [...layout.place(one, origin)].map(({ header }) =>
    header.linkName === undefined ? `${header.type} ${header.name}` : `${header.name} -> ${header.linkName}`,
  );

describe('RootLayout', () => {
  it('leaves entries alone where nothing is a link, but for parents that they lack', () => {
    const layout = new RootLayout(new Map());
    expect(place(layout, entry('a/b/c'))).toEqual(['directory a', 'directory a/b', 'file a/b/c']);
    expect(place(layout, entry('a/d'))).toEqual(['file a/d']);
  });

  it('puts what goes through a link to its target, a folder of the name of a link too', () => {
    const layout = new RootLayout(
      new Map([
        ['lib', 'usr/lib'],
        ['usr/lib/x', '/opt/../srv'],
      ]),
    );
    expect(place(layout, entry('lib', 'directory'))).toEqual(['directory usr', 'directory usr/lib']);
    expect(place(layout, entry('lib/modules/1/a.ko'))).toEqual([
      'directory usr/lib/modules',
      'directory usr/lib/modules/1',
      'file usr/lib/modules/1/a.ko',
    ]);
    expect(place(layout, entry('lib/x/y'))).toEqual(['directory srv', 'file srv/y']);
    expect(place(layout, entry('lib/z', 'hardlink', 'lib/modules/1/a.ko'))).toEqual([
      'usr/lib/z -> usr/lib/modules/1/a.ko',
    ]);
    expect(layout.hasFolder('lib/modules')).toBe(true);
  });

  it('replaces a link by a file of its name', () => {
    const layout = new RootLayout(new Map([['etc/resolv.conf', '/run/resolv.conf']]));
    expect(place(layout, entry('etc/resolv.conf'))).toEqual(['directory etc', 'file etc/resolv.conf']);
  });

  it('gives up on a ring of links', () => {
    const layout = new RootLayout(
      new Map([
        ['a', 'b'],
        ['b', 'a'],
      ]),
    );
    expect(layout.resolve('a/c', false)).toBe('a/c');
  });

  it('does not lead out of the root', () => {
    expect(new RootLayout(new Map([['a', '../../..']])).resolve('a/b', false)).toBe('b');
  });
});
