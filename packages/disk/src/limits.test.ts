import { describe, expect, it } from 'vitest';
import { MemoryDisk } from './block.ts';
import type { BlockCompressor } from './compressor.ts';
import { writeErofs } from './erofs/writer.ts';
import { writeExt4 } from './ext4/writer.ts';
import { planFat } from './fat/geometry.ts';
import { guidFromBytes } from './guid.ts';
import { writeIso } from './iso/writer.ts';
import { encodeMbr } from './partition/mbr.ts';
import { writeSquashfs } from './squashfs/writer.ts';
import { type DirectoryNode, TreeBuilder } from './tree.ts';

const NOBODY = { mode: 0o644, uid: 0, gid: 0, mtime: 0 };
const uuid = guidFromBytes(new Uint8Array(16));
const compressor: BlockCompressor = { kind: 'gzip', concurrency: 1, compress: async (block) => block };

const writers: Record<string, (root: DirectoryNode) => Promise<MemoryDisk>> = {
  ext4: (root) => onDisk((disk) => writeExt4(disk, root, { sizeBytes: 1 << 20, uuid })),
  erofs: (root) => onDisk((disk) => writeErofs(disk, root, { uuid })),
  squashfs: (root) => onDisk((disk) => writeSquashfs(disk, root, { compressor })),
  iso: (root) => onDisk((disk) => writeIso(disk, root, { volumeId: 'X' })),
};

async function onDisk(write: (disk: MemoryDisk) => Promise<unknown>): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await write(disk);
  return disk;
}

function linkTo(target: string): DirectoryNode {
  const builder = new TreeBuilder();
  builder.addLeaf('link', { ...NOBODY, type: 'symlink', target });
  return builder.finish();
}

const keepXattrs = Object.entries(writers).filter(([kind]) => kind !== 'iso');

describe.each(Object.entries(writers))('the writer of %s', (_, write) => {
  it('refuses the target of a symlink that Linux cannot read', async () => {
    await expect(write(linkTo('t'.repeat(4095)))).resolves.toBeDefined();
    await expect(write(linkTo('t'.repeat(4096)))).rejects.toMatchObject({ code: 'disk.bad-name' });
  });
});

describe.each(keepXattrs)('the writer of %s', (_, write) => {
  it('refuses the name of an extended attribute that Linux cannot ask for', async () => {
    const named = (length: number) => {
      const builder = new TreeBuilder();
      const xattrs = new Map([[`user.${'n'.repeat(length - 5)}`, new Uint8Array(1)]]);
      builder.addDirectory('d', { ...NOBODY, xattrs });
      return builder.finish();
    };
    await expect(write(named(255))).resolves.toBeDefined();
    await expect(write(named(256))).rejects.toMatchObject({ code: 'disk.bad-name' });
  });
});

describe('writeSquashfs', () => {
  it('refuses more owners than its superblock can count', async () => {
    const owned = (owners: number) => {
      const builder = new TreeBuilder();
      for (let uid = 1; uid < owners; uid++) builder.addLeaf(`${uid}`, { ...NOBODY, type: 'fifo', uid });
      return builder.finish();
    };
    await expect(writers['squashfs']?.(owned(65_536))).rejects.toMatchObject({ code: 'disk.too-large' });
    const disk = await writers['squashfs']?.(owned(300));
    expect(new DataView(disk?.bytes.buffer ?? new ArrayBuffer(32)).getUint16(26, true)).toBe(300);
  });
});

describe('writeIso', () => {
  it('puts no part of a continuation area across a sector, however long the target of a symlink', async () => {
    const disk = await writers['iso']?.(linkTo('t/'.repeat(2000)));
    const bytes = disk?.bytes ?? new Uint8Array(0);
    const view = new DataView(bytes.buffer);
    const rootSector = view.getUint32(16 * 2048 + 156 + 2, true);
    let text = '';
    let parts = 0;
    /** Reads the System Use entries in a range, and where they go on. */
    const follow = (from: number, end: number): void => {
      expect(Math.floor(from / 2048)).toBe(Math.floor((end - 1) / 2048));
      parts++;
      for (let at = from; at + 4 <= end && bytes[at + 2] !== 0; at += bytes[at + 2] as number) {
        const id = String.fromCharCode(bytes[at] as number, bytes[at + 1] as number);
        if (id === 'SL')
          for (
            let part = at + 5;
            part < at + (bytes[at + 2] as number);
            part += 2 + (bytes[part + 1] as number)
          )
            text += `${String.fromCharCode(...bytes.subarray(part + 2, part + 2 + (bytes[part + 1] as number)))}/`;
        if (id !== 'CE') continue;
        const next = view.getUint32(at + 4, true) * 2048 + view.getUint32(at + 12, true);
        follow(next, next + view.getUint32(at + 20, true));
      }
    };
    let at = rootSector * 2048;
    for (let record = 0; record < 2; record++) at += bytes[at] as number; // itself and its parent
    const nameBytes = bytes[at + 32] as number;
    follow(at + 33 + nameBytes + (nameBytes % 2 === 0 ? 1 : 0), at + (bytes[at] as number));
    expect(text).toBe('t/'.repeat(2000));
    expect(parts).toBeGreaterThan(3);
  });
});

describe('planFat and encodeMbr', () => {
  it('refuse what ends beyond the 2 TiB that their fields can say', () => {
    const limit = 2 ** 32 * 512;
    expect(planFat(limit - 512, 512, {}).totalSectors).toBe(0xffff_ffff);
    expect(() => planFat(limit, 512, {})).toThrow(/no FAT layout/);
    const partition = { type: 0x83, startSector: 2048 };
    expect(encodeMbr({ partitions: [{ ...partition, sectors: 2 ** 32 - 2048 }] })).toHaveLength(512);
    expect(() => encodeMbr({ partitions: [{ ...partition, sectors: 2 ** 32 - 2047 }] })).toThrow(/2 TiB/);
  });
});
