import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileNode, TreeBuilder, writeIso } from '@orlop/disk';
import { GENERATED_MTIME } from '../compose/entries.ts';
import { biosTree, VOLUME_ID, writeHybrid } from './bios.ts';
import type { BootParts } from './boot-parts.ts';
import { DiskFile } from './disk-file.ts';
import { espTree, makeUnifiedKernel, writeEsp } from './efi.ts';
import { openedFile } from './file-nodes.ts';
import type { FormatContext, OutputFormat } from './format.ts';
import { makeSquashfsFile } from './root-disk.ts';

/** Where the root lies on a medium that has it, and how the first initrd finds it. */
const ROOT_ON_MEDIUM = 'root.squashfs';
const ROOT_CMDLINE = `root=LABEL=${VOLUME_ID} orlop.image=/${ROOT_ON_MEDIUM}`;

export const isoFormats: readonly OutputFormat[] = [
  {
    name: 'iso-bios',
    summary: 'CD image for BIOS that runs from the CD, also written to a disk or stick as it is',
    outputs: (name) => [`${name}.iso`],
    needsKernel: true,
    usesTree: true,
    bootComponents: ['boot-bios', 'boot-initrd'],
    singleFile: true,
    write: (context) =>
      withLiveRoot(context, async (parts, root) => {
        const tree = await biosTree(context, parts, [[ROOT_ON_MEDIUM, root]]);
        await writeOutput(context, `${context.name}.iso`, (disk) => writeHybrid(disk, tree));
      }),
  },
  {
    name: 'iso-efi',
    summary: 'CD image for UEFI that runs from the CD',
    outputs: (name) => [`${name}-efi.iso`],
    needsKernel: true,
    usesTree: true,
    bootComponents: ['boot-efi', 'boot-initrd'],
    singleFile: true,
    write: (context) =>
      withLiveRoot(context, (parts, root) => writeEfiIso(context, `${context.name}-efi.iso`, parts, root)),
  },
  {
    name: 'iso-efi-initrd',
    summary: 'CD image for UEFI that loads the whole root into memory',
    outputs: (name) => [`${name}-efi-initrd.iso`],
    needsKernel: true,
    usesTree: true,
    bootComponents: ['boot-efi'],
    singleFile: true,
    write: async (context) =>
      writeEfiIso(context, `${context.name}-efi-initrd.iso`, await context.bootParts.whole(context)),
  },
];

/** What a format does with a first initrd, and the root as a file beside it. */
async function withLiveRoot(
  context: FormatContext,
  write: (parts: BootParts, root: FileNode) => Promise<void>,
): Promise<void> {
  const parts = await context.bootParts.first(context);
  const root = await makeSquashfsFile(context);
  try {
    await write({ ...parts, cmdline: `${parts.cmdline} ${ROOT_CMDLINE}`.trim() }, root.node);
  } finally {
    await root.close();
  }
}

async function writeEfiIso(
  context: FormatContext,
  output: string,
  parts: BootParts,
  root?: FileNode,
): Promise<void> {
  const esp = await open(join(await context.outputs.workFolder(), 'esp'), 'w+', 0o600);
  try {
    const disk = new DiskFile(esp, context.signal);
    await writeEsp(disk, await espTree(context, await makeUnifiedKernel(context, parts)));
    const builder = new TreeBuilder({ mode: 0o755, uid: 0, gid: 0, mtime: GENERATED_MTIME });
    builder.addLeaf('boot/efi.img', await openedFile(esp));
    if (root !== undefined) builder.addLeaf(ROOT_ON_MEDIUM, root);
    await writeOutput(context, output, (sink) =>
      writeIso(sink, builder.finish(), {
        volumeId: VOLUME_ID,
        mtime: GENERATED_MTIME,
        boot: [{ platform: 'efi', path: 'boot/efi.img' }],
      }),
    );
  } finally {
    await esp.close();
  }
}

async function writeOutput(
  context: FormatContext,
  output: string,
  write: (disk: DiskFile) => Promise<unknown>,
): Promise<void> {
  const file = await context.outputs.open(output);
  try {
    await write(new DiskFile(file, context.signal));
  } finally {
    await file.close();
  }
}
