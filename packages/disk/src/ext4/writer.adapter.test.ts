import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom, type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryDisk } from '../block.ts';
import { Layout } from '../bytes.ts';
import { guidFromBytes } from '../guid.ts';
import { expectSameTree } from '../testing/compare.ts';
import { contentDigest, peer, saveDisk } from '../testing/peer.ts';
import { randomTree } from '../testing/random-tree.ts';
import { type FileNode, TreeBuilder } from '../tree.ts';
import { ext4SizeFor } from './size.ts';
import { writeExt4 } from './writer.ts';

const uuid = guidFromBytes(Uint8Array.from({ length: 16 }, (_, i) => i * 7));

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('ext4');
});
afterAll(() => folder.remove());

describe('writeExt4', () => {
  for (const [seed, files, maxFileBytes, freeBytes] of [
    [1, 40, 10_000, 0],
    [2, 400, 200_000, 300 << 20],
    [3, 60, 3_000_000, 10 << 20],
  ] as const) {
    it(`makes a file system that e2fsck finds clean and debugfs reads back (seed ${seed})`, async () => {
      const tree = randomTree(seededRandom(seed), { directories: 30, files, maxFileBytes });
      const disk = new MemoryDisk();
      await writeExt4(disk, tree, {
        sizeBytes: ext4SizeFor(tree, freeBytes),
        uuid,
        label: 'orlop-root',
        mtime: 1_700_000_000,
      });
      const image = saveDisk(disk, join(folder.path, `${seed}.img`));
      peer('e2fsck', '-f', '-n', image);
      expect(peer('dumpe2fs', '-h', image)).toMatch(/Filesystem UUID:\s+00070e15-1c23-8a31/);
      const out = join(folder.path, `out-${seed}`);
      peer('mkdir', out);
      peer('debugfs', '-R', `rdump / ${out}`, image);
      // What rdump leaves out, e2fsck has counted.
      expect(
        await expectSameTree(tree, out, [
          'special',
          'hard-links',
          'symlink-metadata',
          'directory-times',
          'xattrs',
        ]),
      ).toBeGreaterThan(files / 2);
    });
  }

  it('indexes large directories, on one level and on two, as e2fsck checks', async () => {
    const builder = new TreeBuilder();
    const empty = {
      type: 'file' as const,
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: 0,
      sizeBytes: 0,
      async *open() {},
    };
    for (let i = 0; i < 3000; i++) builder.addLeaf(`one/${i}-${'x'.repeat(i % 90)}`, empty);
    for (let i = 0; i < 9000; i++) builder.addLeaf(`two/${i}-${'long'.repeat(55)}`, empty);
    const tree = builder.finish();
    const disk = new MemoryDisk();
    await writeExt4(disk, tree, { sizeBytes: ext4SizeFor(tree), uuid });
    const image = saveDisk(disk, join(folder.path, 'large.img'));
    peer('e2fsck', '-f', '-n', image);
    expect(peer('debugfs', '-R', 'htree_dump /two', image)).toMatch(/Indirect levels: 1/);
    expect(peer('debugfs', '-R', `stat /one/2999-${'x'.repeat(2999 % 90)}`, image)).toMatch(/Type: regular/);
  });

  it('keeps holes, spans groups, gives the same bytes twice, and says when it is full', async () => {
    const builder = new TreeBuilder();
    builder.addLeaf('sparse', {
      type: 'file',
      mode: 0o600,
      uid: 1,
      gid: 1,
      mtime: 0,
      sizeBytes: 700 << 20,
      async *open() {
        const zero = new Uint8Array(1 << 20);
        const one = new Uint8Array(1 << 20).fill(1);
        for (let i = 0; i < 700; i++) yield i % 100 === 50 ? one : zero;
      },
    });
    const make = async () => {
      const disk = new MemoryDisk();
      await writeExt4(disk, builder.finish(), { sizeBytes: 600 << 20, uuid });
      return disk;
    };
    const disk = await make();
    const image = saveDisk(disk, join(folder.path, 'sparse.img'));
    peer('e2fsck', '-f', '-n', image);
    // Seven MiB, and one block of the extent tree; in sectors.
    expect(peer('debugfs', '-R', 'stat /sparse', image)).toMatch(/Blockcount: 14344/);
    expect(Buffer.compare((await make()).bytes, disk.bytes)).toBe(0);
    const full = randomTree(seededRandom(9), { directories: 1, files: 60, maxFileBytes: 400_000 });
    await expect(writeExt4(new MemoryDisk(), full, { sizeBytes: 4 << 20, uuid })).rejects.toMatchObject({
      code: 'disk.too-small',
    });
  });

  it('keeps attributes that take a block of their own, values and empty ones, as debugfs reads them', async () => {
    const random = seededRandom(12);
    const builder = new TreeBuilder();
    const wanted: [path: string, name: string, value: Uint8Array][] = [];
    for (let i = 0; i < 24; i++) {
      const xattrs = new Map<string, Uint8Array>();
      for (let n = 0; n <= i % 5; n++) {
        const value = new Uint8Array(random.u32() % (1 + (i % 4) ** 2 * 75));
        random.fill(value);
        const name = ['user.', 'security.', 'trusted.'][n % 3] + 'n'.repeat(1 + ((i * 7 + n) % 40));
        xattrs.set(name, value);
        wanted.push([`/d${i}`, name, value]);
      }
      builder.addDirectory(`d${i}`, { mode: 0o755, uid: 0, gid: 0, mtime: 0, xattrs });
    }
    const disk = new MemoryDisk();
    const tree = builder.finish();
    await writeExt4(disk, tree, { sizeBytes: ext4SizeFor(tree), uuid });
    const image = saveDisk(disk, join(folder.path, 'xattrs.img'));
    peer('e2fsck', '-f', '-n', image);
    const commands = join(folder.path, 'ea.txt');
    const out = (i: number) => join(folder.path, `ea-${i}`);
    writeFileSync(
      commands,
      wanted.map(([path, name], i) => `ea_get -f ${out(i)} ${path} ${name}\n`).join(''),
    );
    peer('debugfs', '-f', commands, image);
    wanted.forEach(([path, name, value], i) => {
      expect([path, name, readFileSync(out(i)).toString('hex')]).toEqual([
        path,
        name,
        Buffer.from(value).toString('hex'),
      ]);
    });
  });

  it('keeps access control lists in its own form, and times beyond what it can say at the nearest', async () => {
    // Owner, user 1000, group, mask, others: tag, permissions and id of each (linux/posix_acl_xattr.h).
    const entries = [
      [1, 6, 0],
      [2, 4, 1000],
      [4, 4, 0],
      [16, 4, 0],
      [32, 4, 0],
    ].map(([tag = 0, permissions = 0, id = 0]) =>
      new Layout(8).u16le(0, tag).u16le(2, permissions).u32le(4, id),
    );
    const acl = Buffer.concat([new Layout(4).u32le(0, 2), ...entries].map(({ bytes }) => bytes));
    const file = { type: 'symlink', target: 't', mode: 0o777, uid: 0, gid: 0 } as const;
    const named = (value: Uint8Array) => new Map([['system.posix_acl_access', value]]);
    const builder = new TreeBuilder();
    builder.addDirectory('acl', { mode: 0o755, uid: 0, gid: 0, mtime: 0, xattrs: named(acl) });
    builder.addLeaf('early', { ...file, mtime: -(2 ** 40) });
    builder.addLeaf('late', { ...file, mtime: 2 ** 40 });
    const disk = new MemoryDisk();
    const tree = builder.finish();
    await writeExt4(disk, tree, { sizeBytes: ext4SizeFor(tree), uuid });
    const image = saveDisk(disk, join(folder.path, 'acl.img'));
    peer('e2fsck', '-f', '-n', image);
    const out = join(folder.path, 'acl.value');
    peer('debugfs', '-R', `ea_get -f ${out} /acl system.posix_acl_access`, image);
    expect(readFileSync(out).toString('hex')).toBe(acl.toString('hex'));
    expect(peer('debugfs', '-R', 'stat /early', image)).toMatch(/mtime: 0x80000000:00000000 /);
    expect(peer('debugfs', '-R', 'stat /late', image)).toMatch(/mtime: 0x7fffffff:00000003 /);
    builder.addDirectory('bad', { mode: 0o755, uid: 0, gid: 0, mtime: 0, xattrs: named(acl.subarray(0, 9)) });
    const bad = builder.finish();
    await expect(
      writeExt4(new MemoryDisk(), bad, { sizeBytes: ext4SizeFor(bad), uuid }),
    ).rejects.toMatchObject({
      code: 'disk.unsupported-node',
    });
  });

  it('keeps a file of thousands of holes, whose extents take a tree of two levels', async () => {
    const pieces = 3000;
    const page = (i: number) => new Uint8Array(4096).fill(i % 2 === 0 ? 0 : 1 + (i % 255));
    const builder = new TreeBuilder();
    builder.addLeaf('holes', {
      type: 'file',
      mode: 0o600,
      uid: 0,
      gid: 0,
      mtime: 0,
      sizeBytes: pieces * 4096,
      async *open() {
        for (let i = 0; i < pieces; i++) yield page(i);
      },
    });
    const tree = builder.finish();
    const disk = new MemoryDisk();
    await writeExt4(disk, tree, { sizeBytes: ext4SizeFor(tree), uuid });
    const image = saveDisk(disk, join(folder.path, 'holes.img'));
    peer('e2fsck', '-f', '-n', image);
    expect(peer('debugfs', '-R', 'dump_extents /holes', image)).toMatch(/2\/ 2 {3}1\//);
    const out = join(folder.path, 'holes');
    peer('debugfs', '-R', `dump /holes ${out}`, image);
    expect(await contentDigest(tree.children.get('holes') as FileNode)).toBe(
      createHash('sha256').update(readFileSync(out)).digest('hex'),
    );
  });
});
