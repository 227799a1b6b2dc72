import { join } from 'node:path';
import { seededRandom, type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryDisk } from '../block.ts';
import { guidFromBytes } from '../guid.ts';
import { expectSameTree } from '../testing/compare.ts';
import { peer, saveDisk } from '../testing/peer.ts';
import { randomTree } from '../testing/random-tree.ts';
import { type FileNode, TreeBuilder } from '../tree.ts';
import { writeErofs } from './writer.ts';

const uuid = guidFromBytes(Uint8Array.from({ length: 16 }, (_, i) => i * 7));

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('erofs');
});
afterAll(() => folder.remove());

describe('writeErofs', () => {
  for (const [seed, files, maxFileBytes] of [
    [1, 300, 10_000],
    [2, 120, 400_000],
    [3, 20, 3_000_000],
  ] as const) {
    it(`makes an image that fsck.erofs finds whole and unpacks as it was (seed ${seed})`, async () => {
      const tree = randomTree(seededRandom(seed), { directories: 30, files, maxFileBytes });
      const disk = new MemoryDisk();
      const sizeBytes = await writeErofs(disk, tree, { uuid, label: 'orlop-root', mtime: 1_700_000_000 });
      expect(disk.sizeBytes).toBe(sizeBytes);
      const image = saveDisk(disk, join(folder.path, `${seed}.img`));
      const out = join(folder.path, `out-${seed}`);
      // As root it restores owners and modes; attributes are for the kernel to judge.
      peer('fsck.erofs', `--extract=${out}`, '--preserve', image);
      expect(await expectSameTree(tree, out, ['xattrs', 'hard-links'])).toBeGreaterThan(files / 2);
      expect(peer('dump.erofs', '-s', image)).toMatch(/UUID:\s+00070e15-1c23-8a31/);
    });
  }

  it('sorts "." and ".." among names, over many blocks of a directory, as fsck.erofs checks', async () => {
    const builder = new TreeBuilder();
    const names = ['!before', '-', '...', '..a', 'ÿ', '😀', '\ufb00'];
    for (const name of names) builder.addLeaf(`odd/${name}`, file(3, 1));
    for (let i = 0; i < 3000; i++) builder.addLeaf(`many/${i}-${'x'.repeat(i % 200)}`, file(i % 5, 2));
    const tree = builder.finish();
    const disk = new MemoryDisk();
    await writeErofs(disk, tree, { uuid });
    const image = saveDisk(disk, join(folder.path, 'names.img'));
    const out = join(folder.path, 'out-names');
    peer('fsck.erofs', `--extract=${out}`, image);
    expect(await expectSameTree(tree, out, ['directory-times', 'xattrs'])).toBe(3009);
  });

  it('gives the same bytes twice, stores equal content once, and keeps tails of every length', async () => {
    const builder = new TreeBuilder();
    for (let i = 0; i < 20; i++) builder.addLeaf(`same/${i}`, file(100_000, 7));
    for (const tail of [0, 1, 4000, 4031, 4032, 4033, 4095])
      builder.addLeaf(`tail/${tail}`, file(8192 + tail, 9));
    const tree = builder.finish();
    const make = async () => {
      const disk = new MemoryDisk();
      await writeErofs(disk, tree, { uuid });
      return disk;
    };
    const disk = await make();
    expect(Buffer.compare((await make()).bytes, disk.bytes)).toBe(0);
    expect(disk.sizeBytes).toBeLessThan(300_000);
    const image = saveDisk(disk, join(folder.path, 'same.img'));
    const out = join(folder.path, 'out-same');
    peer('fsck.erofs', `--extract=${out}`, image);
    expect(await expectSameTree(tree, out, ['directory-times'])).toBe(29);
  });
});

function file(sizeBytes: number, seed: number): FileNode {
  const bytes = new Uint8Array(sizeBytes);
  seededRandom(seed).fill(bytes);
  return {
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    sizeBytes,
    contentKey: `${seed}:${sizeBytes}`,
    async *open() {
      yield bytes;
    },
  };
}
