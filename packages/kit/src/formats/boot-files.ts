import { writeCpio } from '@orlop/archive';
import type { DirectoryNode, FileNode } from '@orlop/disk';
import { gzipParallel, zstdByHost } from '@orlop/oci';
import { BOOT_CMDLINE, BOOT_FOLDER, BOOT_KERNEL, BOOT_UCODE } from '../compose/layout-paths.ts';
import { kitError } from '../errors.ts';
import type { FormatContext, InitrdCompression } from './format.ts';
import { withAttributesFile } from './initrd-attributes.ts';
import { findFile, treeEntries } from './tree-entries.ts';

/** The parts of a boot from memory: what a boot loader needs. */
export interface BootFiles {
  readonly kernel: FileNode;
  readonly cmdline: string;
  readonly ucode: FileNode | undefined;
  /** The compressed initial RAM disk, beginning with the microcode if asked. Can be asked for again. */
  initrd(options: { readonly withUcode: boolean }): AsyncIterable<Uint8Array>;
}

/** Takes a composition apart into kernel, command line, microcode, and all outside `boot/`. */
export async function bootFiles({ input, initrdCompression }: FormatContext): Promise<BootFiles> {
  const root = await input.tree();
  const kernel = findFile(root, BOOT_KERNEL);
  if (kernel === undefined) throw kitError('kit.no-kernel', 'the image has no kernel');
  const cmdline = findFile(root, BOOT_CMDLINE);
  const ucode = findFile(root, BOOT_UCODE);
  return {
    kernel,
    cmdline: cmdline === undefined ? '' : await readText(cmdline),
    ucode,
    async *initrd({ withUcode }) {
      if (withUcode && ucode !== undefined) yield* paddedUcode(ucode);
      yield* compressInitrd(
        writeCpio(treeEntries(withAttributesFile(withoutBootFiles(root)))),
        initrdCompression,
      );
    },
  };
}

/** The folder `boot` itself stays, empty, as LinuxKit has it. */
function withoutBootFiles(root: DirectoryNode): DirectoryNode {
  const boot = root.children.get(BOOT_FOLDER);
  if (boot?.type !== 'directory') return root;
  return { ...root, children: new Map([...root.children, [BOOT_FOLDER, { ...boot, children: new Map() }]]) };
}

/** The archive as Linux unpacks it. */
export function compressInitrd(
  archive: AsyncIterable<Uint8Array>,
  compression: InitrdCompression,
): AsyncIterable<Uint8Array> {
  switch (compression) {
    case 'none':
      return archive;
    case 'gzip':
      return gzipParallel(archive);
    case 'zstd':
      return zstdByHost(archive);
  }
}

/** Uncompressed, and so long that the archive after it begins at a multiple of four (buffer-format.rst). */
export async function* paddedUcode(ucode: FileNode): AsyncGenerator<Uint8Array> {
  yield* ucode.open();
  const over = ucode.sizeBytes % 4;
  if (over !== 0) yield new Uint8Array(4 - over);
}

async function readText(file: FileNode): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.open()) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
