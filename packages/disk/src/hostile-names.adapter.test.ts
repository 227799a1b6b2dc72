import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
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
import { type DirectoryNode, type LeafNode, TreeBuilder } from './tree.ts';

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

    it('refuses a name that no Linux could look up', async () => {
      const builder = new TreeBuilder();
      builder.addLeaf('😀'.repeat(64), textFile('256 bytes'));
      await expect(write(new MemoryDisk(), builder.finish())).rejects.toMatchObject({
        code: 'disk.bad-name',
      });
    });
  });
}

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
