import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { decodeName, encodeName } from '@orlop/core';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BlockSink, MemoryDisk } from './block.ts';
import { writeErofs } from './erofs/writer.ts';
import { ext4SizeFor } from './ext4/size.ts';
import { writeExt4 } from './ext4/writer.ts';
import { writeIso } from './iso/writer.ts';
import { writeSquashfs } from './squashfs/writer.ts';
import { expectSameTree } from './testing/compare.ts';
import { peer, saveDisk } from './testing/peer.ts';
import { type DirectoryNode, type LeafNode, sortedChildren, TreeBuilder } from './tree.ts';

const deflateAsync = promisify(deflate);
const uuid = '6f726c6f-7000-4000-8000-000000000001';

/** Names that Unix allows and careless programs stumble over. */
const HOSTILE = [
  '-rf',
  ' ',
  '  leading and trailing  ',
  'new\nline',
  'tab\tand\u0001control',
  'back\\slash',
  '"quotes"\'and`more`',
  '$(id);|&<>*?[x]{a,b}~',
  '...',
  '.hidden.',
  ';1',
  'con.txt',
  'lower.TXT',
  'LOWER.txt',
  'ÿ-latin',
  'e\u0301-combining',
  '\ufeffmark',
  '\u202eright to left',
  '\ufb00-beside-😀',
  '😀'.repeat(63),
  'x'.repeat(255),
];

/** Names of bytes that are no UTF-8: Latin-1, a torn character, the longest. */
const RAW = [
  Uint8Array.of(0x6c, 0xe9, 0xff),
  Uint8Array.of(0x6c, 0xe9),
  Uint8Array.of(0xc3),
  Uint8Array.of(0xf0, 0x9f, 0x98),
  Uint8Array.of(0x80),
  new Uint8Array(255).fill(0xe9),
];

const fileSystems: readonly {
  name: string;
  write(sink: BlockSink, root: DirectoryNode): Promise<unknown>;
  unpack(image: string, out: string): void;
}[] = [
  {
    name: 'ext4',
    write: (sink, root) => writeExt4(sink, root, { sizeBytes: ext4SizeFor(root), uuid }),
    unpack(image, out) {
      peer('e2fsck', '-f', '-n', image);
      peer('mkdir', out);
      peer('debugfs', '-R', `rdump / ${out}`, image);
    },
  },
  {
    name: 'squashfs',
    write: (sink, root) =>
      writeSquashfs(sink, root, {
        compressor: { kind: 'gzip', concurrency: 2, compress: (block) => deflateAsync(block) },
      }),
    unpack: (image, out) => peer('unsquashfs', '-quiet', '-no-progress', '-d', out, image),
  },
  {
    name: 'EROFS',
    write: (sink, root) => writeErofs(sink, root, { uuid }),
    unpack: (image, out) => peer('fsck.erofs', `--extract=${out}`, image),
  },
  {
    name: 'ISO 9660',
    write: (sink, root) => writeIso(sink, root, { volumeId: 'NAMES' }),
    unpack: (image, out) => peer('xorriso', '-osirrox', 'on', '-indev', image, '-extract', '/', out),
  },
];

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('names');
});
afterAll(() => folder.remove());

for (const { name, write, unpack } of fileSystems) {
  describe(name, () => {
    it('keeps hostile names of files and directories, and targets like them', async () => {
      const builder = new TreeBuilder();
      for (const [i, hostile] of HOSTILE.entries()) {
        builder.addLeaf(`${hostile}/${hostile}`, textFile(`${i}`));
        builder.addLeaf(`links/${i}`, {
          ...metadata,
          type: 'symlink',
          target: `../${hostile}/./../${hostile}`,
        });
      }
      const tree = builder.finish();
      const disk = new MemoryDisk();
      await write(disk, tree);
      const out = join(folder.path, `out-${name}`);
      unpack(saveDisk(disk, join(folder.path, `${name}.img`)), out);
      const unjudged = ['symlink-metadata', 'directory-times'] as const;
      expect(await expectSameTree(tree, out, unjudged)).toBe(3 * HOSTILE.length + 1);
    });

    it('keeps names and targets that are no UTF-8', async () => {
      const builder = new TreeBuilder();
      const raw = RAW.map((bytes) => decodeName(bytes));
      for (const name of raw) builder.addLeaf(`raw/${name}`, textFile('x'));
      builder.addLeaf('link', { ...metadata, type: 'symlink', target: raw[0] as string });
      const disk = new MemoryDisk();
      await write(disk, builder.finish());
      const out = join(folder.path, `raw-${name}`);
      unpack(saveDisk(disk, join(folder.path, `raw-${name}.img`)), out);
      const byBytes = (names: readonly Uint8Array[]) =>
        [...names].sort(Buffer.compare).map((one) => Buffer.from(one));
      expect(byBytes(readdirSync(join(out, 'raw'), { encoding: 'buffer' }))).toEqual(byBytes(RAW));
      expect(readlinkSync(join(out, 'link'), { encoding: 'buffer' })).toEqual(
        Buffer.from(RAW[0] as Uint8Array),
      );
    });

    it('refuses a name that no Linux could look up', async () => {
      const builder = new TreeBuilder();
      builder.addLeaf('😀'.repeat(64), textFile('256 bytes'));
      await expect(write(new MemoryDisk(), builder.finish())).rejects.toMatchObject({
        code: 'disk.bad-name',
      });
    });
  });
}

describe('sortedChildren', () => {
  it('orders names by their bytes, as the kernel looks them up in squashfs and EROFS', () => {
    const builder = new TreeBuilder();
    const names = [...RAW, ...HOSTILE.map((name) => Buffer.from(name))];
    for (const name of names) builder.addLeaf(decodeName(name), textFile('x'));
    const sorted = sortedChildren(builder.finish()).map(([name]) => Buffer.from(encodeName(name)));
    expect(sorted).toEqual([...sorted].sort(Buffer.compare));
    expect(sorted).toHaveLength(names.length);
  });
});

describe('TreeBuilder', () => {
  it('refuses paths that leave the image or hold NUL', () => {
    for (const path of ['../x', 'a/../../x', 'a/..', '.', 'a\0b', 'a\0/b'])
      expect(() => new TreeBuilder().addLeaf(path, textFile('x')), path).toThrow(
        expect.objectContaining({ code: 'disk.bad-name' }),
      );
  });
});

const metadata = { mode: 0o644, uid: 0, gid: 0, mtime: 0 };

function textFile(text: string): LeafNode {
  const bytes = new TextEncoder().encode(text);
  return {
    ...metadata,
    type: 'file',
    sizeBytes: bytes.length,
    async *open() {
      yield bytes;
    },
  };
}
