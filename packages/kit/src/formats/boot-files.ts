import { writeCpio } from '@orlop/archive';
import type { FileNode } from '@orlop/disk';
import { gzipParallel, zstdByHost } from '@orlop/oci';
import { BOOT_CMDLINE, BOOT_KERNEL, BOOT_UCODE } from '../compose/layout-paths.ts';
import { kitError } from '../errors.ts';
import { fileText } from './file-text.ts';
import { findFile } from './find-node.ts';
import type { FormatContext, InitrdCompression } from './format.ts';
import { withAttributesFile } from './initrd-attributes.ts';
import { treeEntries } from './tree-entries.ts';
import { withoutBootFiles } from './without-boot-files.ts';

/** Linux takes 256 to 4096 bytes, by architecture (COMMAND_LINE_SIZE). */
const MAX_CMDLINE_BYTES = 64 * 1024;

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
    cmdline:
      cmdline === undefined
        ? ''
        : await fileText(cmdline, { path: BOOT_CMDLINE, maxBytes: MAX_CMDLINE_BYTES }),
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
