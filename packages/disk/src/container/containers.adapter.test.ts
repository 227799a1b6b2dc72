import { statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflate, deflateRaw } from 'node:zlib';
import { seededRandom, type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BlockSink, type BlockSource, MemoryDisk } from '../block.ts';
import { guidFromBytes } from '../guid.ts';
import { peer, saveDisk } from '../testing/peer.ts';
import { writeQcow2 } from './qcow2.ts';
import { writeVdi } from './vdi.ts';
import { writeDynamicVhd, writeFixedVhd } from './vhd.ts';
import { writeVhdx } from './vhdx.ts';
import { writeSparseVmdk, writeStreamVmdk } from './vmdk.ts';

const deflateAsync = promisify(deflate);
const deflateRawAsync = promisify<Buffer | Uint8Array, { windowBits: number }, Buffer>(deflateRaw);
const id = guidFromBytes(new Uint8Array(16).fill(0x42));
const zlib = { concurrency: 4, compress: (block: Uint8Array) => deflateAsync(block) };
const raw12 = { concurrency: 4, compress: (block: Uint8Array) => deflateRawAsync(block, { windowBits: 12 }) };

const containers: readonly {
  name: string;
  format: string;
  check: boolean;
  write(source: BlockSource, sink: BlockSink): Promise<number>;
}[] = [
  { name: 'qcow2', format: 'qcow2', check: true, write: (source, sink) => writeQcow2(source, sink) },
  {
    name: 'compressed qcow2',
    format: 'qcow2',
    check: true,
    write: (source, sink) => writeQcow2(source, sink, { compressor: raw12 }),
  },
  {
    name: 'fixed VHD',
    format: 'vpc',
    check: false,
    write: (source, sink) => writeFixedVhd(source, sink, { id }),
  },
  {
    name: 'dynamic VHD',
    format: 'vpc',
    check: false,
    write: (source, sink) => writeDynamicVhd(source, sink, { id }),
  },
  { name: 'VHDX', format: 'vhdx', check: true, write: (source, sink) => writeVhdx(source, sink, { id }) },
  { name: 'VDI', format: 'vdi', check: true, write: (source, sink) => writeVdi(source, sink, { id }) },
  {
    name: 'sparse VMDK',
    format: 'vmdk',
    check: true,
    write: (source, sink) => writeSparseVmdk(source, sink, { fileName: 'disk.vmdk' }),
  },
  {
    name: 'stream VMDK',
    format: 'vmdk',
    check: true,
    write: (source, sink) => writeStreamVmdk(source, sink, { fileName: 'disk.vmdk', compressor: zlib }),
  },
];

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('container');
});
afterAll(() => folder.remove());

/** A sparse disk of `mebibytes` with noise, text and zeros written here and there. */
async function makeDisk(mebibytes: number, seed: number): Promise<MemoryDisk> {
  const random = seededRandom(seed);
  const disk = new MemoryDisk();
  await disk.truncate(mebibytes << 20);
  for (let i = 0; i < 40; i++) {
    const bytes = new Uint8Array(random.u32() % 300_000);
    if (i % 3 === 0) random.fill(bytes);
    else if (i % 3 === 1) bytes.fill(i);
    await disk.write(Math.floor((random.u32() / 2 ** 32) * ((mebibytes << 20) - bytes.length)), bytes);
  }
  return disk;
}

for (const { name, format, check, write } of containers) {
  describe(name, () => {
    it('holds what the disk holds, says qemu-img, and skips what is zero', async () => {
      const disk = await makeDisk(97, 11);
      const raw = saveDisk(disk, join(folder.path, 'disk.raw'));
      const out = new MemoryDisk();
      const sizeBytes = await write(disk, out);
      expect(out.sizeBytes).toBe(sizeBytes);
      const image = saveDisk(out, join(folder.path, 'disk.vmdk'));
      if (check) peer('qemu-img', 'check', '-f', format, image);
      peer('qemu-img', 'compare', '-f', 'raw', '-F', format, raw, image);
      if (name !== 'fixed VHD') expect(statSync(image).size).toBeLessThan(90 << 20);
    });

    it('gives the same bytes for the same disk, and holds an empty one', async () => {
      const disk = await makeDisk(10, 12);
      const [a, b] = [new MemoryDisk(), new MemoryDisk()];
      await write(disk, a);
      await write(disk, b);
      expect(Buffer.compare(a.bytes, b.bytes)).toBe(0);
      const empty = new MemoryDisk();
      await empty.truncate(3 << 20);
      const out = new MemoryDisk();
      await write(empty, out);
      const image = saveDisk(out, join(folder.path, 'disk.vmdk'));
      expect(JSON.parse(peer('qemu-img', 'info', '-f', format, '--output=json', image))['virtual-size']).toBe(
        3 << 20,
      );
    });
  });
}
