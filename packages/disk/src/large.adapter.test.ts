import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlockSink } from './block.ts';
import { isZero } from './bytes.ts';
import type { BlockCompressor } from './compressor.ts';
import { writeErofs } from './erofs/writer.ts';
import { ext4SizeFor } from './ext4/size.ts';
import { writeExt4 } from './ext4/writer.ts';
import { writeFat } from './fat/writer.ts';
import { writeIso } from './iso/writer.ts';
import { writeSquashfs } from './squashfs/writer.ts';
import { peer } from './testing/peer.ts';
import { type DirectoryNode, type FileNode, TreeBuilder } from './tree.ts';

const GIB = 2 ** 30;
const uuid = '6f726c6f-7000-4000-8000-000000000001';
const metadata = { mode: 0o644, uid: 0, gid: 0, mtime: 1_700_000_000 };
const directory = { ...metadata, mode: 0o755 };
const deflateAsync = promisify(deflate);
const gzip: BlockCompressor = { kind: 'gzip', concurrency: 2, compress: (block) => deflateAsync(block) };
const emptyFile = (): FileNode => ({ ...metadata, type: 'file', sizeBytes: 0, async *open() {} });

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('large');
});
afterAll(() => folder.remove());

/** A file of holes with 16 bytes at the start of every one of `marks` that say where they stand. */
function markedFile(sizeBytes: number, marks: readonly number[]): FileNode {
  const read = async (offset: number, into: Uint8Array) => {
    into.fill(0);
    for (const mark of marks) {
      const text = markAt(mark);
      for (let i = 0; i < text.length; i++) {
        const at = mark + i - offset;
        if (at >= 0 && at < into.length) into[at] = text[i] as number;
      }
    }
  };
  return {
    ...metadata,
    type: 'file',
    sizeBytes,
    stored: { store: { read }, offset: 0 },
    async *open() {
      for (let at = 0; at < sizeBytes; at += 1 << 20) {
        const piece = new Uint8Array(Math.min(1 << 20, sizeBytes - at));
        await read(at, piece);
        yield piece;
      }
    },
  };
}

function markAt(offset: number): Uint8Array {
  return createHash('sha256').update(`${offset}`).digest().subarray(0, 16);
}

/** Writes to a file what is not zero, so that images beyond the test machine's disk cost nothing. */
async function writeImage(
  name: string,
  write: (sink: BlockSink) => Promise<unknown>,
): Promise<{ path: string; bytesAt: (offset: number, length: number) => Uint8Array }> {
  const path = join(folder.path, name);
  const file = openSync(path, 'w+');
  let end = 0;
  await write({
    async write(offset, bytes) {
      end = Math.max(end, offset + bytes.length);
      if (!isZero(bytes)) writeSync(file, bytes, 0, bytes.length, offset);
    },
    async truncate(sizeBytes) {
      ftruncateSync(file, sizeBytes);
      end = sizeBytes;
    },
  });
  ftruncateSync(file, end);
  closeSync(file);
  return {
    path,
    bytesAt(offset, length) {
      const bytes = new Uint8Array(length);
      const opened = openSync(path, 'r');
      readSync(opened, bytes, 0, length, offset);
      closeSync(opened);
      return bytes;
    },
  };
}

describe('a file beyond 4 GiB', () => {
  const sizeBytes = 4 * GIB + 5000;
  const marks = [0, 4 * GIB - 2048, 4 * GIB + 1000, sizeBytes - 16];

  it('takes several extents of ISO 9660, which xorriso joins', async () => {
    const tree = new TreeBuilder(directory);
    tree.addLeaf('large', markedFile(sizeBytes, marks));
    tree.addLeaf('after', markedFile(5000, [100]));
    const { path, bytesAt } = await writeImage('large.iso', (sink) =>
      writeIso(sink, tree.finish(), { volumeId: 'LARGE' }),
    );
    const listed = peer('xorriso', '-indev', path, '-find', '/', '-type', 'f', '-exec', 'report_lba', '--');
    const extents = [...listed.matchAll(/^File data lba: +(\d+) , +(\d+) , +\d+ , +(\d+) , '(.*)'$/gm)];
    const large = extents.filter(([, , , , name]) => name === '/large');
    expect(large.map(([, n, , size]) => [n, size])).toEqual([
      ['0', `${sizeBytes}`],
      ['1', `${sizeBytes}`],
    ]);
    // The second extent begins where the first, of 4 GiB less a sector, ends.
    const start = Number(large[0]?.[2]) * 2048;
    expect(Number(large[1]?.[2]) * 2048).toBe(start + 4 * GIB - 2048);
    for (const mark of marks) expect(bytesAt(start + mark, 16), `${mark}`).toEqual(markOf(mark));
    const after = extents.find(([, , , , name]) => name === '/after');
    expect(bytesAt(Number(after?.[2]) * 2048 + 100, 16)).toEqual(markOf(100));
  });

  it('keeps its places and its holes on ext4, where a disk of 20 GiB is as e2fsck wants it', async () => {
    const tree = new TreeBuilder(directory);
    tree.addLeaf('large', markedFile(sizeBytes, marks));
    const { path, bytesAt } = await writeImage('large.ext4', (sink) =>
      writeExt4(sink, tree.finish(), { sizeBytes: 20 * GIB, uuid }),
    );
    peer('e2fsck', '-f', '-n', path);
    expect(statSync(path).size).toBe(20 * GIB);
    expect(statSync(path).blocks * 512).toBeLessThan(16 << 20);
    for (const mark of marks) {
      const block = peer('debugfs', '-R', `bmap /large ${Math.floor(mark / 4096)}`, path).trim();
      const within = Math.min(16, 4096 - (mark % 4096));
      expect(bytesAt(Number(block) * 4096 + (mark % 4096), within)).toEqual(markOf(mark).subarray(0, within));
    }
    // A hole has no block.
    expect(peer('debugfs', '-R', 'bmap /large 500000', path).trim()).toBe('0');
  });

  it('is refused by FAT, which takes one of 4 GiB less a cluster', async () => {
    const make = (size: number) => {
      const tree = new TreeBuilder(directory);
      tree.addLeaf('large', markedFile(size, [size - 16]));
      return writeImage('large.fat', (sink) => writeFat(sink, tree.finish(), { sizeBytes: 5 * GIB }));
    };
    await expect(make(4 * GIB)).rejects.toMatchObject({ code: 'disk.too-large' });
    // fsck.fat 4.2 counts a chain of 4 GiB as none.
    const { path } = await make(4 * GIB - 4096);
    expect(peer('fsck.fat', '-n', path)).toContain('1 files');
    expect(peer('mdir', '-i', path, '::/large')).toMatch(/4 294 963 200 bytes/);
  });
});

/** What every file system is asked to hold, and how a judge counts the files of a folder. */
const fileSystems: readonly {
  name: string;
  write(sink: BlockSink, root: DirectoryNode): Promise<unknown>;
  names(path: string, parent: string): number;
}[] = [
  {
    name: 'ext4',
    write: (sink, root) => writeExt4(sink, root, { sizeBytes: ext4SizeFor(root), uuid }),
    names(path, parent) {
      peer('e2fsck', '-f', '-n', path);
      return (
        peer('debugfs', '-R', `ls -p /${parent}`, path).match(/^\/\d+\/\d+\/\d+\/\d+\/[^./]/gm)?.length ?? 0
      );
    },
  },
  {
    name: 'squashfs',
    write: (sink, root) => writeSquashfs(sink, root, { compressor: gzip }),
    names: (path, parent) => countBelow(peer('unsquashfs', '-l', '-d', '', path), `/${parent}/`),
  },
  {
    name: 'EROFS',
    write: (sink, root) => writeErofs(sink, root, { uuid }),
    names(path, parent) {
      peer('fsck.erofs', path);
      return (
        peer('dump.erofs', '--ls', `--path=/${parent}`, path).match(/^ +\d+ +\d+ +[^.\s]/gm)?.length ?? 0
      );
    },
  },
  {
    name: 'ISO 9660',
    write: (sink, root) => writeIso(sink, root, { volumeId: 'WIDE' }),
    names: (path, parent) =>
      countBelow(peer('xorriso', '-indev', path, '-find', `/${parent}`).replaceAll("'", ''), `/${parent}/`),
  },
];

/** How many lines name something right below a folder. */
function countBelow(listing: string, prefix: string): number {
  return listing.split('\n').filter((line) => {
    const rest = line.startsWith(prefix) ? line.slice(prefix.length) : '';
    return rest !== '' && !rest.includes('/');
  }).length;
}

describe.each(fileSystems)('$name', ({ name, write, names }) => {
  it('holds 70,000 files and 66,000 folders side by side', async () => {
    const tree = new TreeBuilder(directory);
    for (let i = 0; i < 70_000; i++) tree.addLeaf(`wide/f${i}`, emptyFile());
    for (let i = 0; i < 66_000; i++) tree.addDirectory(`folders/d${i}`, directory);
    const { path } = await writeImage(`${name}.wide`, (sink) => write(sink, tree.finish()));
    expect([names(path, 'wide'), names(path, 'folders')]).toEqual([70_000, 66_000]);
  });

  it('holds a folder 200 levels down', async () => {
    const tree = new TreeBuilder(directory);
    const deep = Array.from({ length: 200 }, (_, i) => `level-${i}`).join('/');
    tree.addLeaf(`${deep}/one`, emptyFile());
    tree.addLeaf(`${deep}/two`, emptyFile());
    const { path } = await writeImage(`${name}.deep`, (sink) => write(sink, tree.finish()));
    expect(names(path, deep)).toBe(2);
  });
});

describe('writeExt4', () => {
  it('refuses more than the 65,000 names that a file can have', async () => {
    const tree = new TreeBuilder(directory);
    const file = emptyFile();
    for (let i = 0; i < 65_001; i++) tree.addLeaf(`name-${i}`, file);
    await expect(
      writeImage('names.ext4', (sink) => writeExt4(sink, tree.finish(), { sizeBytes: 64 << 20, uuid })),
    ).rejects.toMatchObject({ code: 'disk.too-large' });
  });
});

describe('a FAT file system', () => {
  it('refuses a folder of more entries than the 65,536 that one can have', async () => {
    const make = (files: number) => {
      const tree = new TreeBuilder(directory);
      // Short names, an entry each; a folder has two of its own.
      for (let i = 0; i < files; i++) tree.addLeaf(`WIDE/F${i}`, emptyFile());
      return writeImage('wide.fat', (sink) => writeFat(sink, tree.finish(), { sizeBytes: 40 << 20 }));
    };
    await expect(make(65_535)).rejects.toMatchObject({ code: 'disk.too-large' });
    const { path } = await make(65_534);
    expect(peer('fsck.fat', '-n', path)).toContain('65535 files');
  });
});

function markOf(offset: number): Uint8Array {
  return new Uint8Array(markAt(offset));
}
