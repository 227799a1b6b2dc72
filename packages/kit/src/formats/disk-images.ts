import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSparseTar, writeTar } from '@orlop/archive';
import {
  type BlockSink,
  type BlockSource,
  type Extent,
  ExtentMap,
  writeDynamicVhd,
  writeFixedVhd,
  writeQcow2,
  writeSparseVmdk,
  writeStreamVmdk,
  writeVdi,
  writeVhdx,
} from '@orlop/disk';
import { gzipParallel } from '@orlop/oci';
import { GENERATED_MTIME } from '../compose/entries.ts';
import { biosPartition, writeBiosDisk } from './bios-disk.ts';
import { qcow2Compressor, zlibCompressor } from './compressors.ts';
import { DiskFile } from './disk-file.ts';
import { DEFAULT_MIB, MIB } from './disk-layout.ts';
import { espTree, makeUnifiedKernel, stableGuid, writeEfiDisk } from './efi.ts';
import { openedFile } from './file-nodes.ts';
import type { BootComponent, FormatContext, OutputFormat } from './format.ts';
import { ovaMembers } from './ova.ts';

/** How a bootable disk is laid out. */
type Firmware = 'bios' | 'efi';

/** What each starts from. */
const loaderOf = { bios: 'boot-bios', efi: 'boot-efi' } as const satisfies Record<Firmware, BootComponent>;

const PAGE_BYTES = 4096;

/** A file format that holds a disk. */
interface DiskFormat {
  readonly name: string;
  readonly summary: string;
  readonly output: (name: string) => string;
  readonly firmware: Firmware;
  /** When no size is asked for; 0 for as small as the content allows. */
  readonly defaultMiB: number;
  write(disk: BlockSource, sink: BlockSink, output: string): Promise<unknown>;
}

const containers: readonly DiskFormat[] = [
  {
    name: 'qcow2-bios',
    summary: 'qcow2 disk for BIOS, compressed',
    output: (name) => `${name}.qcow2`,
    firmware: 'bios',
    defaultMiB: DEFAULT_MIB,
    write: (disk, sink) => writeQcow2(disk, sink, { compressor: qcow2Compressor }),
  },
  {
    name: 'qcow2-efi',
    summary: 'qcow2 disk for UEFI, compressed',
    output: (name) => `${name}-efi.qcow2`,
    firmware: 'efi',
    defaultMiB: DEFAULT_MIB,
    write: (disk, sink) => writeQcow2(disk, sink, { compressor: qcow2Compressor }),
  },
  {
    name: 'vhd',
    summary: 'fixed VHD disk, as Azure takes it',
    output: (name) => `${name}.vhd`,
    firmware: 'bios',
    defaultMiB: DEFAULT_MIB,
    write: (disk, sink) => writeFixedVhd(disk, sink, { id: stableGuid('vhd'), mtime: GENERATED_MTIME }),
  },
  {
    name: 'dynamic-vhd',
    summary: 'dynamic VHD disk',
    output: (name) => `${name}.vhd`,
    firmware: 'bios',
    defaultMiB: DEFAULT_MIB,
    write: (disk, sink) => writeDynamicVhd(disk, sink, { id: stableGuid('vhd'), mtime: GENERATED_MTIME }),
  },
  {
    name: 'vhdx',
    summary: 'VHDX disk for UEFI, as Hyper-V takes it',
    output: (name) => `${name}.vhdx`,
    firmware: 'efi',
    defaultMiB: DEFAULT_MIB,
    write: (disk, sink) => writeVhdx(disk, sink, { id: stableGuid('vhdx') }),
  },
  {
    name: 'vdi',
    summary: 'VDI disk, as VirtualBox takes it',
    output: (name) => `${name}.vdi`,
    firmware: 'bios',
    defaultMiB: DEFAULT_MIB,
    write: (disk, sink) => writeVdi(disk, sink, { id: stableGuid('vdi') }),
  },
  {
    name: 'vmdk',
    summary: 'VMDK disk, stream-optimized',
    output: (name) => `${name}.vmdk`,
    firmware: 'bios',
    defaultMiB: DEFAULT_MIB,
    write: (disk, sink, output) =>
      writeStreamVmdk(disk, sink, { fileName: output, compressor: zlibCompressor }),
  },
  {
    name: 'vmdk-sparse',
    summary: 'VMDK disk, monolithic and sparse',
    output: (name) => `${name}-sparse.vmdk`,
    firmware: 'bios',
    defaultMiB: DEFAULT_MIB,
    write: (disk, sink, output) => writeSparseVmdk(disk, sink, { fileName: output }),
  },
];

/** Bootable disks. */
export const diskFormats: readonly OutputFormat[] = [
  rawFormat({
    name: 'raw-bios',
    summary: 'raw disk for BIOS',
    output: (name) => `${name}-bios.img`,
    firmware: 'bios',
    defaultMiB: 0,
  }),
  rawFormat({
    name: 'raw-efi',
    summary: 'raw disk for UEFI',
    output: (name) => `${name}-efi.img`,
    firmware: 'efi',
    defaultMiB: 0,
  }),
  rawFormat({
    name: 'aws',
    summary: 'raw disk as AWS imports it',
    output: (name) => `${name}.raw`,
    firmware: 'bios',
    defaultMiB: DEFAULT_MIB,
  }),
  ...containers.map(containerFormat),
  {
    name: 'gcp',
    summary: 'compressed archive of a raw disk, as Google Cloud imports it',
    outputs: (name) => [`${name}.img.tar.gz`],
    needsKernel: true,
    usesTree: true,
    bootComponents: [loaderOf.bios],
    singleFile: true,
    write: (context) =>
      withDisk(context, { firmware: 'bios', defaultMiB: DEFAULT_MIB }, (disk) =>
        context.outputs.write(
          `${context.name}.img.tar.gz`,
          // As Google asks for it, `tar --format=oldgnu -Sczf`: what is not written takes no time.
          gzipParallel(
            writeSparseTar(
              { name: 'disk.raw', mode: 0o644, uid: 0, gid: 0, mtime: GENERATED_MTIME },
              {
                sizeBytes: disk.sizeBytes,
                runs: dataRuns(disk),
                read: (offset, into) => disk.read(offset, into),
              },
            ),
          ),
        ),
      ),
  },
  {
    name: 'ova',
    summary: 'OVA appliance: description, VMDK disk and digests',
    outputs: (name) => [`${name}.ova`],
    needsKernel: true,
    usesTree: true,
    bootComponents: [loaderOf.bios],
    singleFile: true,
    write: (context) =>
      withDisk(context, { firmware: 'bios', defaultMiB: DEFAULT_MIB }, async (disk) => {
        const vmdk = await open(join(await context.outputs.workFolder(), 'disk.vmdk'), 'w+', 0o600);
        try {
          const fileName = `${context.name}-disk1.vmdk`;
          const vmdkBytes = await writeStreamVmdk(disk, new DiskFile(vmdk, context.signal), {
            fileName,
            compressor: zlibCompressor,
          });
          const node = await openedFile(vmdk);
          const members = ovaMembers({
            name: context.name,
            diskFile: fileName,
            diskBytes: disk.sizeBytes,
            vmdkBytes,
            readVmdk: () => node.open(),
          });
          await context.outputs.write(`${context.name}.ova`, writeTar(members));
        } finally {
          await vmdk.close();
        }
      }),
  },
];

function rawFormat(format: Omit<DiskFormat, 'write'>): OutputFormat {
  return {
    name: format.name,
    summary: format.summary,
    outputs: (name) => [format.output(name)],
    needsKernel: true,
    usesTree: true,
    bootComponents: [loaderOf[format.firmware]],
    singleFile: true,
    async write(context) {
      const file = await context.outputs.open(format.output(context.name));
      try {
        await writeBootableDisk(context, format, new DiskFile(file, context.signal));
      } finally {
        await file.close();
      }
    },
  };
}

function containerFormat(format: DiskFormat): OutputFormat {
  return {
    name: format.name,
    summary: format.summary,
    outputs: (name) => [format.output(name)],
    needsKernel: true,
    usesTree: true,
    bootComponents: [loaderOf[format.firmware]],
    singleFile: true,
    write: (context) =>
      withDisk(context, format, async (disk) => {
        const output = format.output(context.name);
        const file = await context.outputs.open(output);
        try {
          await format.write(disk, new DiskFile(file, context.signal), output);
        } finally {
          await file.close();
        }
      }),
  };
}

/** Makes the raw disk on the way to another format. */
async function withDisk(
  context: FormatContext,
  shape: Pick<DiskFormat, 'firmware' | 'defaultMiB'>,
  use: (disk: DiskFile) => Promise<void>,
): Promise<void> {
  const file = await open(join(await context.outputs.workFolder(), 'disk.raw'), 'w+', 0o600);
  try {
    const disk = new DiskFile(file, context.signal);
    await writeBootableDisk(context, shape, disk);
    await use(disk);
  } finally {
    await file.close();
  }
}

async function writeBootableDisk(
  context: FormatContext,
  { firmware, defaultMiB }: Pick<DiskFormat, 'firmware' | 'defaultMiB'>,
  disk: DiskFile,
): Promise<void> {
  const leastBytes = (context.sizeMiB ?? defaultMiB) * MIB;
  const parts = await context.bootParts.whole(context);
  if (firmware === 'efi') {
    await writeEfiDisk(disk, await espTree(context, await makeUnifiedKernel(context, parts)), leastBytes);
    return;
  }
  await writeBiosDisk(disk, await biosPartition(context, parts), leastBytes);
}

/** What holds data, in whole pages: an archive of a sparse file counts sectors, and few long runs are better. */
function dataRuns({ extents, sizeBytes }: BlockSource): readonly Extent[] {
  const pages = new ExtentMap();
  for (const { offset, length } of extents) {
    const start = Math.floor(offset / PAGE_BYTES) * PAGE_BYTES;
    const end = Math.min(sizeBytes, Math.ceil((offset + length) / PAGE_BYTES) * PAGE_BYTES);
    if (start < end) pages.add(start, end - start);
  }
  return pages.toArray();
}
