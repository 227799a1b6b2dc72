import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { seededRandom, type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryDisk } from '../block.ts';
import type { BlockCompressor } from '../compressor.ts';
import { expectSameTree } from '../testing/compare.ts';
import { hostXz, hostZstd } from '../testing/host-compressors.ts';
import { peer, saveDisk } from '../testing/peer.ts';
import { randomTree } from '../testing/random-tree.ts';
import { TreeBuilder } from '../tree.ts';
import { writeSquashfs } from './writer.ts';

const deflateAsync = promisify(deflate);
const gzip: BlockCompressor = { kind: 'gzip', concurrency: 4, compress: (block) => deflateAsync(block) };

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('squashfs');
});
afterAll(() => folder.remove());

describe('writeSquashfs', () => {
  for (const [seed, blockBytes, compressor, files] of [
    [1, 4096, gzip, 300],
    [2, 131072, gzip, 120],
    [3, 32768, hostXz, 25],
    [4, 131072, hostZstd, 25],
    [5, 4096, hostZstd, 4],
  ] as const) {
    it(`makes an image that unsquashfs reads back whole (${compressor.kind}, block ${blockBytes}, seed ${seed})`, async () => {
      const tree = randomTree(seededRandom(seed), { directories: 30, files, maxFileBytes: 400_000 });
      const disk = new MemoryDisk();
      await writeSquashfs(disk, tree, { compressor, blockBytes });
      const image = saveDisk(disk, join(folder.path, `${seed}.img`));
      const out = join(folder.path, `out-${seed}`);
      peer('unsquashfs', '-quiet', '-no-progress', '-d', out, image);
      expect(await expectSameTree(tree, out)).toBeGreaterThan(files);
    });
  }

  it('gives the same bytes twice, stores equal content once, and holes not at all', async () => {
    const builder = new TreeBuilder();
    const file = (name: string, sizeBytes: number, fill: number) => {
      const bytes = new Uint8Array(sizeBytes).fill(fill);
      builder.addLeaf(name, {
        type: 'file',
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: 0,
        sizeBytes,
        contentKey: `${fill}:${sizeBytes}`,
        async *open() {
          yield bytes;
        },
      });
    };
    for (let i = 0; i < 500; i++) file(`many/${i}`, 100, 1);
    file('zero', 50 << 20, 0);
    const make = async () => {
      const disk = new MemoryDisk();
      const sizeBytes = await writeSquashfs(disk, builder.finish(), { compressor: gzip });
      return { bytes: disk.bytes.slice(), sizeBytes };
    };
    const first = await make();
    expect(first.sizeBytes).toBeLessThan(20_000);
    expect(Buffer.compare(first.bytes, (await make()).bytes)).toBe(0);
    const disk = new MemoryDisk();
    await disk.write(0, first.bytes);
    expect(peer('unsquashfs', '-stat', saveDisk(disk, join(folder.path, 'same.img')))).toMatch(
      /Filesystem is exportable via NFS/,
    );
  });
});
