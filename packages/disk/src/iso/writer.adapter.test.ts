import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom, type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryDisk } from '../block.ts';
import { expectSameTree } from '../testing/compare.ts';
import { peer, saveDisk } from '../testing/peer.ts';
import { randomTree } from '../testing/random-tree.ts';
import { type FileNode, TreeBuilder } from '../tree.ts';
import { writeIso } from './writer.ts';

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('iso');
});
afterAll(() => folder.remove());

function file(bytes: Uint8Array): FileNode {
  return {
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    sizeBytes: bytes.length,
    async *open() {
      yield bytes;
    },
  };
}

describe('writeIso', () => {
  for (const seed of [1, 2, 3]) {
    it(`makes an image whose Rock Ridge tree xorriso restores whole (seed ${seed})`, async () => {
      const tree = randomTree(seededRandom(seed), {
        directories: 40,
        files: 150,
        maxFileBytes: 50_000,
        smallDevices: true,
      });
      const disk = new MemoryDisk();
      await writeIso(disk, tree, { volumeId: 'ORLOP', mtime: 1_700_000_000 });
      const image = saveDisk(disk, join(folder.path, `${seed}.iso`));
      const out = join(folder.path, `out-${seed}`);
      peer('xorriso', '-osirrox', 'device_files:o_excl_off', '-indev', image, '-extract', '/', out);
      expect(await expectSameTree(tree, out, ['xattrs', 'symlink-metadata', 'hard-links'])).toBeGreaterThan(
        150,
      );
      expect(peer('isoinfo', '-d', '-i', image)).toMatch(
        /Joliet with UCS level 3 found[\s\S]*Rock Ridge signatures version 1 found/,
      );
      expect(peer('isoinfo', '-J', '-f', '-i', image).split('\n').length).toBeGreaterThan(100);
    });
  }

  it('boots by El Torito from BIOS and EFI, and from a disk, as xorriso reports it', async () => {
    const builder = new TreeBuilder();
    const isolinux = new Uint8Array(30_000).fill(0x90);
    builder.addLeaf('isolinux/isolinux.bin', file(isolinux));
    builder.addLeaf('boot/efi.img', file(new Uint8Array(1_474_560).fill(7)));
    const disk = new MemoryDisk();
    await writeIso(disk, builder.finish(), {
      volumeId: 'ORLOP',
      boot: [
        { platform: 'bios', path: 'isolinux/isolinux.bin', loadSectors: 4, infoTable: true },
        { platform: 'efi', path: 'boot/efi.img' },
      ],
      hybrid: { bootCode: new Uint8Array(432).fill(0xcc), diskId: 0x1234 },
    });
    const image = saveDisk(disk, join(folder.path, 'boot.iso'));
    const report = peer('xorriso', '-indev', image, '-report_el_torito', 'plain');
    expect(report).toMatch(/El Torito boot img :\s+1\s+BIOS\s+y\s+none\s+0x0000\s+0x00\s+4\s/);
    expect(report).toMatch(/El Torito boot img :\s+2\s+UEFI\s+y\s+none/);
    expect(report).toMatch(/El Torito img path :\s+1\s+\/isolinux\/isolinux.bin/);
    expect(report).toMatch(/El Torito img opts :\s+1\s+boot-info-table/);
    const { partitiontable } = JSON.parse(peer('sfdisk', '--json', image));
    expect(partitiontable.partitions.map((partition: { type: string }) => partition.type)).toEqual([
      '17',
      'ef',
    ]);
  });

  it('refuses a boot image that the tree has not, and gives the same bytes twice', async () => {
    const tree = randomTree(seededRandom(4), { directories: 3, files: 10, maxFileBytes: 1000 });
    await expect(
      writeIso(new MemoryDisk(), tree, { volumeId: 'X', boot: [{ platform: 'bios', path: 'no' }] }),
    ).rejects.toMatchObject({ code: 'disk.bad-option' });
    const [a, b] = [new MemoryDisk(), new MemoryDisk()];
    await writeIso(a, tree, { volumeId: 'X' });
    await writeIso(b, tree, { volumeId: 'X' });
    expect(Buffer.compare(a.bytes, b.bytes)).toBe(0);
    expect(readFileSync(saveDisk(a, join(folder.path, 'same.iso'))).length).toBe(a.sizeBytes);
  });
});
