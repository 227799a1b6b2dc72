import { bytesBody, type EntryStream, recycle } from '@orlop/archive';
import type { DirectoryNode } from '@orlop/disk';
import { seededRandom, temporaryFolder } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { Spool } from './spool.ts';

const sizes = [1, 4096, 100_000, 128 << 10, (128 << 10) + 1, 512 << 10, 1 << 20, (1 << 20) + 1, 3_000_000];

describe('Spool', () => {
  it('gives every file back whole, in any order, several at once, to readers that keep and that recycle chunks', async () => {
    const random = seededRandom(5);
    const contents = new Map<string, Uint8Array>();
    for (let i = 0; i < 120; i++) {
      const large = i % 12 === 0;
      const bytes = new Uint8Array(large ? (sizes[(i / 12) % sizes.length] ?? 0) : random.u32() % 40_000);
      random.fill(bytes);
      contents.set(`file-${i}`, bytes);
    }
    const folder = await temporaryFolder('spool');
    try {
      const spool = await Spool.write(entriesOf(contents), folder.path);
      const root = spool.tree();
      const names = [...contents.keys()];
      const orders = [names, [...names].reverse(), [...names].sort(() => (random.u32() % 2 === 0 ? 1 : -1))];
      for (const isRecycled of [false, true]) {
        const isSame = (name: string) => sameContent(root, name, { contents, isRecycled });
        for (const order of orders) for (const name of order) expect(await isSame(name), name).toBe(true);
        const together = await Promise.all(orders.flat().map(isSame));
        expect(together.every((same) => same)).toBe(true);
      }
      await spool.remove();
    } finally {
      await folder.remove();
    }
  });

  it('gives equal contents one key, whichever came first, and no two others the same', async () => {
    const noise = (seed: number, sizeBytes: number) => {
      const bytes = new Uint8Array(sizeBytes);
      seededRandom(seed).fill(bytes);
      return bytes;
    };
    const contents = new Map([
      ['a', noise(1, 40_000)],
      ['alone', noise(2, 50_000)],
      ['other', noise(3, 40_000)],
      ['a again', noise(1, 40_000)],
      ['a once more', noise(1, 40_000)],
    ]);
    const folder = await temporaryFolder('spool');
    try {
      const spool = await Spool.write(entriesOf(contents), folder.path);
      const keyOf = (name: string) => {
        const node = spool.tree().children.get(name);
        return node?.type === 'file' ? node.contentKey : undefined;
      };
      const key = keyOf('a');
      expect(key).toMatch(/=$/);
      expect([keyOf('a again'), keyOf('a once more')]).toEqual([key, key]);
      expect(keyOf('other')).toMatch(/=$/);
      expect(keyOf('other')).not.toBe(key);
      expect(keyOf('alone')).toBeUndefined();
      await spool.remove();
    } finally {
      await folder.remove();
    }
  });
});

async function sameContent(
  root: DirectoryNode,
  name: string,
  { contents, isRecycled }: { contents: ReadonlyMap<string, Uint8Array>; isRecycled: boolean },
): Promise<boolean> {
  const node = root.children.get(name);
  if (node?.type !== 'file') return false;
  const chunks: Uint8Array[] = [];
  for await (const chunk of node.open()) {
    chunks.push(isRecycled ? chunk.slice() : chunk);
    if (isRecycled) recycle(chunk);
  }
  return Buffer.concat(chunks).equals(contents.get(name) ?? Buffer.alloc(0));
}

async function* entriesOf(contents: ReadonlyMap<string, Uint8Array>): EntryStream {
  for (const [name, bytes] of contents) {
    const header = {
      name,
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: 0,
      sizeBytes: bytes.length,
    } as const;
    yield { header, body: bytesBody(bytes) };
  }
}
