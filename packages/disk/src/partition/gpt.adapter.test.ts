import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryDisk } from '../block.ts';
import { guidFromBytes } from '../guid.ts';
import { peer, saveDisk } from '../testing/peer.ts';
import { gptType, writeGpt } from './gpt.ts';
import { encodeMbr } from './mbr.ts';

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('gpt');
});
afterAll(() => folder.remove());

describe('writeGpt', () => {
  it('makes tables that sgdisk verifies, both copies', async () => {
    const diskSectors = 65536;
    const disk = new MemoryDisk();
    await disk.truncate(diskSectors * 512);
    const id = guidFromBytes(new Uint8Array(16).fill(0x5a));
    await writeGpt(disk, {
      diskId: guidFromBytes(new Uint8Array(16).fill(1)),
      diskSectors,
      partitions: [
        { type: gptType.efiSystem, id, name: 'EFI system', startSector: 2048, sectors: 20480, attributes: 4 },
        {
          type: gptType.linuxFileSystem,
          id: guidFromBytes(new Uint8Array(16).fill(2)),
          name: 'root',
          startSector: 22528,
          sectors: 40960,
        },
      ],
    });
    const image = saveDisk(disk, join(folder.path, 'gpt.img'));
    expect(peer('sgdisk', '--verify', image)).toContain('No problems found');
    const info = peer('sgdisk', '--info=1', image);
    expect(info).toContain('C12A7328-F81F-11D2-BA4B-00A0C93EC93B');
    expect(info.toLowerCase()).toContain(id);
    expect(info).toContain("Partition name: 'EFI system'");
    expect(info).toContain('Attribute flags: 0000000000000004');
  });

  it('refuses a partition that reaches into the backup table', async () => {
    const partitions = [
      {
        type: gptType.efiSystem,
        id: guidFromBytes(new Uint8Array(16)),
        name: 'x',
        startSector: 2048,
        sectors: 63488,
      },
    ];
    await expect(
      writeGpt(new MemoryDisk(), { diskId: partitions[0]?.id ?? '', diskSectors: 65536, partitions }),
    ).rejects.toMatchObject({ code: 'disk.too-small' });
  });
});

describe('encodeMbr', () => {
  it('makes a table that sfdisk reads', async () => {
    const disk = new MemoryDisk();
    await disk.truncate(64 << 20);
    await disk.write(
      0,
      encodeMbr({
        diskId: 0xcafe0001,
        partitions: [{ type: 0x0c, startSector: 2048, sectors: 100000, active: true }],
      }),
    );
    const { partitiontable } = JSON.parse(
      peer('sfdisk', '--json', saveDisk(disk, join(folder.path, 'mbr.img'))),
    );
    expect(partitiontable.id).toBe('0xcafe0001');
    expect(partitiontable.partitions[0]).toMatchObject({
      start: 2048,
      size: 100000,
      type: 'c',
      bootable: true,
    });
  });
});
