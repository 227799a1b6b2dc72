import { createHash } from 'node:crypto';
import {
  type BlockSink,
  type DirectoryNode,
  encodeMbr,
  type FatBits,
  type FileOffset,
  fatSizeFor,
  sliceSink,
  TreeBuilder,
  writeFat,
} from '@orlop/disk';
import { GENERATED_MTIME } from '../compose/entries.ts';
import { readBootComponent } from './boot-component.ts';
import type { BootParts } from './boot-parts.ts';
import { FIRST_SECTOR, MIB, SECTOR, VOLUME_SERIAL } from './disk-layout.ts';
import { bytesNode } from './file-nodes.ts';
import type { FormatContext } from './format.ts';
import { syslinuxConfiguration } from './syslinux/configuration.ts';
import {
  installedBytes,
  installSyslinux,
  type SyslinuxPrograms,
  takeSyslinuxApart,
} from './syslinux/loader.ts';

/** What an MBR calls each type, where sectors are counted rather than cylinders, heads and sectors. */
const PARTITION_TYPES: Readonly<Record<FatBits, number>> = { 12: 0x01, 16: 0x0e, 32: 0x0c };
/** Room for a file or two beside the kernel when no size is asked for. */
const SPARE_BYTES = MIB;
const LOADER = 'ldlinux.sys';

/** A partition that syslinux starts from, and the programs that make it one. */
export interface BiosPartition {
  readonly root: DirectoryNode;
  readonly programs: SyslinuxPrograms;
  /** The disk's first 440 bytes: starts the active partition. */
  readonly mbrCode: Uint8Array;
}

/** The FAT partition of a disk that starts by BIOS, with syslinux installed on it. */
export async function biosPartition(
  context: FormatContext,
  parts: Pick<BootParts, 'kernel' | 'initrd' | 'cmdline'>,
): Promise<BiosPartition> {
  const component = await readBootComponent(context.bootComponent('boot-bios'), [
    'syslinux',
    'ldlinux.c32',
    'mbr.bin',
  ]);
  const programs = takeSyslinuxApart(component.syslinux, component['ldlinux.c32']);
  const builder = new TreeBuilder({ mode: 0o755, uid: 0, gid: 0, mtime: GENERATED_MTIME });
  // Its content is written once it is known where it lies.
  builder.addLeaf(LOADER, { ...bytesNode(new Uint8Array(installedBytes(programs))), mode: 0o444 });
  builder.addLeaf('ldlinux.c32', bytesNode(component['ldlinux.c32']));
  builder.addLeaf(
    'syslinux.cfg',
    bytesNode(syslinuxConfiguration({ kernel: '/kernel', initrd: '/initrd.img', cmdline: parts.cmdline })),
  );
  builder.addLeaf('kernel', parts.kernel);
  builder.addLeaf('initrd.img', parts.initrd);
  return { root: builder.finish(), programs, mbrCode: component['mbr.bin'] };
}

/** A disk with an MBR and one active FAT partition that fills it. @param leastBytes of the disk; 0: as small as can be */
export async function writeBiosDisk(
  sink: BlockSink,
  { root, programs, mbrCode }: BiosPartition,
  leastBytes: number,
): Promise<void> {
  const start = FIRST_SECTOR * SECTOR;
  const diskBytes = Math.ceil(Math.max(leastBytes, start + fatSizeFor(root, SPARE_BYTES)) / MIB) * MIB;
  const sizeBytes = diskBytes - start;
  await sink.truncate(diskBytes);
  const volume = sliceSink(sink, start, sizeBytes);
  let installed = programs;
  const { geometry, fileOffset } = await writeFat(volume, root, {
    sizeBytes,
    label: 'ORLOP',
    volumeId: VOLUME_SERIAL,
    hiddenSectors: FIRST_SECTOR,
    bootCode: (offsetOf) => {
      installed = installSyslinux(programs, loaderOffset(offsetOf) / SECTOR);
      return installed.bootSector;
    },
  });
  await volume.write(loaderOffset(fileOffset), installed.loader);
  const mbr = encodeMbr({
    bootCode: mbrCode,
    diskId: createHash('sha256').update('orlop mbr').digest().readUInt32LE(),
    partitions: [
      {
        type: PARTITION_TYPES[geometry.bits],
        startSector: FIRST_SECTOR,
        sectors: sizeBytes / SECTOR,
        active: true,
      },
    ],
  });
  await sink.write(0, mbr);
}

function loaderOffset(offsetOf: FileOffset): number {
  const offset = offsetOf(LOADER);
  if (offset === undefined) throw new Error('bug: the loader has no place in its volume');
  return offset;
}
