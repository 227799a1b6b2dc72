import { createHash } from 'node:crypto';
import {
  type BlockSink,
  type FileNode,
  fatSizeFor,
  GPT_BACKUP_SECTORS,
  gptType,
  guidFromBytes,
  sliceSink,
  TreeBuilder,
  writeFat,
  writeGpt,
} from '@orlop/disk';
import { GENERATED_MTIME } from '../compose/entries.ts';
import { kitError } from '../errors.ts';
import { readBootComponent } from './boot-component.ts';
import type { BootParts } from './boot-parts.ts';
import { FIRST_SECTOR, MIB, SECTOR, VOLUME_SERIAL } from './disk-layout.ts';
import { bytesNode } from './file-nodes.ts';
import type { FormatContext } from './format.ts';
import { unifiedKernel } from './uki/unified-kernel.ts';

/** What UEFI and systemd call the architectures: the default loader's name, and that of systemd's programs. */
const EFI_NAMES = {
  amd64: { boot: 'BOOTX64.EFI', systemd: 'x64' },
  arm64: { boot: 'BOOTAA64.EFI', systemd: 'aa64' },
  riscv64: { boot: 'BOOTRISCV64.EFI', systemd: 'riscv64' },
} as const;
const OS_RELEASE = 'ID=orlop\nNAME="Orlop"\nPRETTY_NAME="Orlop"\n';
/** The kernel needs no room here; updates of the loader do. */
const ESP_SPARE_BYTES = MIB;

/** The unified kernel image of a composition. */
export async function makeUnifiedKernel(
  context: FormatContext,
  parts: Pick<BootParts, 'kernel' | 'initrd' | 'cmdline'>,
): Promise<FileNode> {
  const { systemd } = efiNames(context.architecture);
  const name = `linux${systemd}.efi.stub` as const;
  const stub = (await readBootComponent(context.bootComponent('boot-efi'), [name]))[name];
  return unifiedKernel({ ...parts, stub, osRelease: OS_RELEASE });
}

/** An EFI system partition: systemd-boot as the default loader, and the image where it looks for one. */
export async function espTree(context: FormatContext, uki: FileNode) {
  const { boot, systemd } = efiNames(context.architecture);
  const name = `systemd-boot${systemd}.efi` as const;
  const loader = (await readBootComponent(context.bootComponent('boot-efi'), [name]))[name];
  const builder = new TreeBuilder({ mode: 0o755, uid: 0, gid: 0, mtime: GENERATED_MTIME });
  builder.addLeaf(`EFI/BOOT/${boot}`, bytesNode(loader));
  builder.addLeaf('EFI/Linux/linuxkit.efi', uki);
  builder.addLeaf('loader/loader.conf', bytesNode('timeout 0\n'));
  return builder.finish();
}

/** A partition alone: what El Torito takes from a CD. */
export async function writeEsp(sink: BlockSink, tree: Awaited<ReturnType<typeof espTree>>): Promise<void> {
  await writeFat(sink, tree, {
    sizeBytes: fatSizeFor(tree, ESP_SPARE_BYTES),
    label: 'ESP',
    volumeId: VOLUME_SERIAL,
  });
}

/** A disk with one EFI system partition that fills it. */
export async function writeEfiDisk(
  sink: BlockSink,
  tree: Awaited<ReturnType<typeof espTree>>,
  leastBytes: number,
): Promise<void> {
  const espBytes = fatSizeFor(tree, ESP_SPARE_BYTES);
  const wanted = Math.max(leastBytes, FIRST_SECTOR * SECTOR + espBytes + MIB);
  const diskSectors = Math.ceil(wanted / MIB) * (MIB / SECTOR);
  const sectors = Math.floor((diskSectors - FIRST_SECTOR - GPT_BACKUP_SECTORS) / 2048) * 2048;
  await sink.truncate(diskSectors * SECTOR);
  await writeFat(sliceSink(sink, FIRST_SECTOR * SECTOR, sectors * SECTOR), tree, {
    sizeBytes: sectors * SECTOR,
    label: 'ESP',
    volumeId: VOLUME_SERIAL,
    hiddenSectors: FIRST_SECTOR,
  });
  await writeGpt(sink, {
    diskId: stableGuid('disk'),
    diskSectors,
    partitions: [
      {
        type: gptType.efiSystem,
        id: stableGuid('esp'),
        name: 'EFI system partition',
        startSector: FIRST_SECTOR,
        sectors,
        attributes: 4,
      },
    ],
  });
}

/** The same name, the same identifier: two builds give the same bytes. */
export function stableGuid(name: string): string {
  return guidFromBytes(createHash('sha256').update(`orlop ${name}`).digest());
}

function efiNames(architecture: string): (typeof EFI_NAMES)[keyof typeof EFI_NAMES] {
  const names = EFI_NAMES[architecture as keyof typeof EFI_NAMES];
  if (names === undefined)
    throw kitError('kit.invalid-option', `UEFI has no name for the architecture ${architecture}`);
  return names;
}
