import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom, type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BlockSink, MemoryDisk } from '../block.ts';
import { contentDigest, peer, saveDisk, walkTree } from '../testing/peer.ts';
import { randomTree } from '../testing/random-tree.ts';
import type { DirectoryNode, FileNode } from '../tree.ts';
import { type FatBits, planFat } from './geometry.ts';
import { fatSizeFor, writeFat } from './writer.ts';

/** Contents that nobody looks at. */
const stored = { store: { read: async () => {} }, offset: 0 };
const nowhere: BlockSink = { write: async () => {}, truncate: async () => {} };

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('fat');
});
afterAll(() => folder.remove());

describe('writeFat', () => {
  const cases: { bits: FatBits | undefined; sizeBytes?: number; seed: number }[] = [
    { bits: undefined, seed: 1 },
    { bits: 12, sizeBytes: 8 << 20, seed: 2 },
    { bits: 16, sizeBytes: 40 << 20, seed: 3 },
    { bits: 32, sizeBytes: 300 << 20, seed: 4 },
  ];
  for (const { bits, sizeBytes, seed } of cases) {
    it(`makes a FAT${bits ?? ' of its own choice'} that fsck.fat finds clean and mtools reads back (seed ${seed})`, async () => {
      const tree = randomTree(seededRandom(seed), {
        directories: 12,
        files: 60,
        maxFileBytes: 60_000,
        plain: true,
      });
      const disk = new MemoryDisk();
      await writeFat(disk, tree, {
        sizeBytes: sizeBytes ?? fatSizeFor(tree),
        label: 'ORLOP',
        volumeId: 0x1234abcd,
        ...(bits && { bits }),
      });
      const image = saveDisk(disk, join(folder.path, `fat-${seed}.img`));
      expect(peer('fsck.fat', '-n', '-v', image)).not.toMatch(
        /Differences|Wrong|Bad|inconsistent|free clusters/i,
      );
      const out = join(folder.path, `out-${seed}`);
      peer('mkdir', out);
      peer('mcopy', '-s', '-m', '-Q', '-i', image, '::/', out);
      let files = 0;
      for (const [path, node] of walkTree(tree)) {
        const at = join(out, path);
        if (node.type === 'directory') expect(statSync(at).isDirectory()).toBe(true);
        if (node.type !== 'file') continue;
        files++;
        expect(createHash('sha256').update(readFileSync(at)).digest('hex')).toBe(await contentDigest(node));
      }
      expect(files).toBeGreaterThan(40);
      expect(peer('mlabel', '-s', '-i', image, '::')).toContain('ORLOP');
    });
  }

  it.each([
    { files: 3, sizeBytes: 5 << 20, most: 1.05 },
    { files: 20_000, sizeBytes: 1, most: 2.1 },
    { files: 70_000, sizeBytes: 1, most: 2.1 },
    { files: 30_000, sizeBytes: 40_000, most: 1.05 },
  ])(
    'fatSizeFor has room for $files files of $sizeBytes bytes, and at most $most of what they take',
    async ({ files, sizeBytes, most }) => {
      const folder = { type: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: 0 } as const;
      const file: FileNode = { ...folder, type: 'file', sizeBytes, open: async function* () {}, stored };
      const names = Array.from({ length: files }, (_, i) => i);
      const root: DirectoryNode = {
        ...folder,
        children: new Map(
          Array.from({ length: Math.ceil(files / 1000) }, (_, n) => [
            `D${n}`,
            {
              ...folder,
              children: new Map(names.slice(n * 1000, n * 1000 + 1000).map((i) => [`F${i}`, file])),
            },
          ]),
        ),
      };
      const volumeBytes = fatSizeFor(root);
      const { geometry } = await writeFat(nowhere, root, { sizeBytes: volumeBytes });
      const clusterBytes = geometry.sectorsPerCluster * 512;
      const least = files * Math.ceil(sizeBytes / clusterBytes) * clusterBytes;
      expect(volumeBytes).toBeLessThan(least * most + (4 << 20));
    },
  );

  it('keeps to the counts of clusters that tell FAT12, 16 and 32 apart, as fsck.fat reads them', async () => {
    const children = new Map([['A', { ...bytesNode(1), sizeBytes: 1 }]]);
    const root = { type: 'directory' as const, mode: 0o755, uid: 0, gid: 0, mtime: 0, children };
    const kinds = new Set<string>();
    for (const clusters of [1, 4083, 4084, 4085, 4086, 65523, 65524, 65525, 65526]) {
      const disk = new MemoryDisk();
      // Around each limit some size gives the very count: a sector more or less.
      for (let sectors = clusters + 20; sectors < clusters + 2200; sectors++) {
        const found = plannedClusters(sectors * 512);
        if (found !== clusters) continue;
        const { geometry } = await writeFat(disk, root, { sizeBytes: sectors * 512, sectorsPerCluster: 1 });
        const image = saveDisk(disk, join(folder.path, 'edge.img'));
        const report = peer('fsck.fat', '-n', '-v', image);
        expect(report).toMatch(new RegExp(`Root directory|${geometry.bits} bits/entry`));
        expect(report).toContain(`${clusters} clusters`);
        kinds.add(`${geometry.bits}:${clusters}`);
        break;
      }
    }
    expect([...kinds]).toEqual([
      '12:1',
      '12:4083',
      '12:4084',
      '16:4085',
      '16:4086',
      '16:65523',
      '16:65524',
      '32:65525',
      '32:65526',
    ]);
  });

  it('refuses what FAT cannot hold and a volume that is too small', async () => {
    const tree = randomTree(seededRandom(5), {
      directories: 2,
      files: 30,
      maxFileBytes: 300_000,
      plain: true,
    });
    await expect(writeFat(new MemoryDisk(), tree, { sizeBytes: 1 << 20 })).rejects.toMatchObject({
      code: 'disk.too-small',
    });
    const children = new Map([
      ['link', { type: 'symlink' as const, target: 'x', mode: 0o777, uid: 0, gid: 0, mtime: 0 }],
    ]);
    await expect(
      writeFat(new MemoryDisk(), { ...tree, children }, { sizeBytes: 4 << 20 }),
    ).rejects.toMatchObject({ code: 'disk.unsupported-node' });
  });
});

function plannedClusters(sizeBytes: number): number | undefined {
  try {
    return planFat(sizeBytes, 512, { sectorsPerCluster: 1 }).clusters;
  } catch {
    return undefined;
  }
}

function bytesNode(byte: number) {
  return {
    type: 'file' as const,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    async *open() {
      yield Uint8Array.of(byte);
    },
  };
}
