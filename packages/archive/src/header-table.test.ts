import { seededRandom } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import type { EntryHeader } from './entry.ts';
import { HeaderTable } from './header-table.ts';

const rare: readonly Partial<EntryHeader>[] = [
  {},
  { linkName: '' },
  { linkName: 'usr/lib/größe', type: 'symlink' },
  { uname: 'root', gname: 'wheel', linkCount: 3 },
  { pax: new Map([['LINUXKIT.source', 'image:1']]), deviceMajor: 5, deviceMinor: 1, type: 'char' },
  { xattrs: new Map([['user.a', Uint8Array.of(1, 2)]]) },
];

function headers(count: number): EntryHeader[] {
  const random = seededRandom(3);
  const names = ['etc/passwd', 'größe', '日本', 'raw\udc80\udcff', '', 'x'.repeat((1 << 20) + 5)];
  return Array.from({ length: count }, (_, i) => ({
    name: i < names.length ? (names[i] as string) : `usr/share/${i}/${random.u32()}`,
    type: 'file',
    mode: random.u32() & 0o7777,
    uid: i % 7 === 0 ? 0xffff_fffe : i,
    gid: i % 5,
    sizeBytes: i % 11 === 0 ? 2 ** 40 + i : i,
    mtime: i % 3 === 0 ? -1.5 : 1_492_533_000.25,
    ...rare[i % rare.length],
  }));
}

describe('HeaderTable', () => {
  it('gives every header back as it was added, beyond one block and one piece of its index', () => {
    const all = headers(70_000);
    const table = new HeaderTable();
    for (const [i, header] of all.entries())
      expect(table.add(header, { position: i * 2 ** 20, source: i % 4 === 0 ? undefined : i })).toBe(i);
    expect(table.size).toBe(all.length);
    for (const [i, header] of all.entries()) {
      if (i > 200 && i % 97 !== 0) continue;
      expect(table.header(i)).toEqual(header);
      expect(table.position(i)).toBe(i * 2 ** 20);
      expect(table.source(i)).toBe(i % 4 === 0 ? undefined : i);
    }
  });

  it('keeps what many members share once', () => {
    const table = new HeaderTable();
    for (const [i, header] of headers(12).entries())
      table.add({ ...header, pax: new Map([['LINUXKIT.location', 'init[0]']]) }, { position: i, source: 0 });
    const [first, second] = [table.header(0), table.header(6)];
    expect(first.pax).toEqual(new Map([['LINUXKIT.location', 'init[0]']]));
    expect(second.pax).toBe(first.pax);
  });
});
