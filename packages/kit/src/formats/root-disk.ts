import { open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type DirectoryNode,
  ext4SizeFor,
  type FileNode,
  writeErofs,
  writeExt4,
  writeIso,
  writeSquashfs,
} from '@orlop/disk';
import { GENERATED_MTIME } from '../compose/entries.ts';
import { VOLUME_ID } from './bios.ts';
import { zlibCompressor } from './compressors.ts';
import { DiskFile } from './disk-file.ts';
import { DEFAULT_MIB, MIB } from './disk-layout.ts';
import { stableGuid } from './efi.ts';
import { openedFile } from './file-nodes.ts';
import type { FormatContext, OutputFormat } from './format.ts';
import { withoutBootFiles } from './without-boot-files.ts';

/** The root as a file system of its own. */
async function rootTree(context: FormatContext): Promise<DirectoryNode> {
  return withoutBootFiles(await context.input.tree());
}

/** The root as squashfs in a file of its own, to lie on a medium. */
export async function makeSquashfsFile(
  context: FormatContext,
): Promise<{ node: FileNode; close(): Promise<void> }> {
  const file = await open(join(await context.outputs.workFolder(), 'root.squashfs'), 'w+', 0o600);
  try {
    await writeSquashfs(new DiskFile(file, context.signal), await rootTree(context), {
      compressor: zlibCompressor,
      mtime: GENERATED_MTIME,
    });
    return { node: await openedFile(file), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

interface RootKind {
  readonly name: string;
  readonly summary: string;
  /** The root's file for a name. */
  readonly output: (name: string) => string;
  write(disk: DiskFile, root: DirectoryNode, context: FormatContext): Promise<unknown>;
}

const kinds: readonly RootKind[] = [
  {
    name: 'kernel+squashfs',
    summary: 'kernel, small initrd, and the root as a read-only squashfs disk',
    output: (name) => `${name}-squashfs.img`,
    write: (disk, root) => writeSquashfs(disk, root, { compressor: zlibCompressor, mtime: GENERATED_MTIME }),
  },
  {
    name: 'kernel+erofs',
    summary: 'kernel, small initrd, and the root as a read-only EROFS disk',
    output: (name) => `${name}-erofs.img`,
    write: (disk, root) =>
      writeErofs(disk, root, { uuid: stableGuid('root'), label: VOLUME_ID, mtime: GENERATED_MTIME }),
  },
  {
    name: 'kernel+ext4',
    summary: 'kernel, small initrd, and the root as an ext4 disk',
    output: (name) => `${name}-ext4.img`,
    write: (disk, root, { sizeMiB = DEFAULT_MIB }) =>
      writeExt4(disk, root, {
        sizeBytes: Math.max(ext4SizeFor(root), sizeMiB * MIB),
        uuid: stableGuid('root'),
        label: VOLUME_ID,
        mtime: GENERATED_MTIME,
      }),
  },
  {
    name: 'kernel+iso',
    summary: 'kernel, small initrd, and the root as an ISO 9660 disk',
    output: (name) => `${name}.iso`,
    write: (disk, root) => writeIso(disk, root, { volumeId: VOLUME_ID, mtime: GENERATED_MTIME }),
  },
];

/**
 * The small initrd has a name of its own: a build may have the whole root as `NAME-initrd.img` besides, and whoever
 * boots takes the one or the other.
 */
const rootInitrd = (name: string) => `${name}-root-initrd.img`;

/** What every kind has alike. */
const commonOutputs = (name: string) => [`${name}-kernel`, rootInitrd(name), `${name}-cmdline`];

/** Formats of a kernel beside a disk that holds the root. */
export const rootDiskFormats: readonly OutputFormat[] = kinds.map(
  (kind): OutputFormat => ({
    name: kind.name,
    summary: kind.summary,
    outputs: (name) => [...commonOutputs(name), kind.output(name)],
    commonOutputs,
    needsKernel: true,
    usesTree: true,
    bootComponents: ['boot-initrd'],
    async write(context) {
      const { name, outputs } = context;
      const parts = await context.bootParts.first(context);
      await outputs.write(`${name}-kernel`, parts.kernel.open());
      await outputs.write(rootInitrd(name), parts.initrd.open());
      if (parts.cmdline !== '') await outputs.write(`${name}-cmdline`, textStream(parts.cmdline));
      const file = await outputs.open(kind.output(name));
      try {
        await kind.write(new DiskFile(file, context.signal), await rootTree(context), context);
      } finally {
        await file.close();
      }
    },
  }),
);

async function* textStream(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}
