import { type BlockSink, type DirectoryNode, type FileNode, TreeBuilder, writeIso } from '@orlop/disk';
import { GENERATED_MTIME } from '../compose/entries.ts';
import { readBootComponent } from './boot-component.ts';
import type { BootParts } from './boot-parts.ts';
import { bytesNode } from './file-nodes.ts';
import type { FormatContext } from './format.ts';
import { syslinuxConfiguration } from './syslinux/configuration.ts';

export const VOLUME_ID = 'ORLOP';

/** The tree of an image that isolinux starts: loader, kernel, initrd, and whatever else lies on the medium. */
export async function biosTree(
  context: FormatContext,
  parts: Pick<BootParts, 'kernel' | 'initrd' | 'cmdline'>,
  more: readonly (readonly [string, FileNode])[] = [],
) {
  const loader = await readBootComponent(context.bootComponent('boot-bios'), [
    'isolinux.bin',
    'isohdpfx.bin',
    'ldlinux.c32',
  ]);
  const builder = new TreeBuilder({ mode: 0o755, uid: 0, gid: 0, mtime: GENERATED_MTIME });
  const add = (path: string, node: FileNode) => builder.addLeaf(path, node);
  add('isolinux/isolinux.bin', bytesNode(loader['isolinux.bin']));
  add('isolinux/ldlinux.c32', bytesNode(loader['ldlinux.c32']));
  add(
    'isolinux/isolinux.cfg',
    bytesNode(
      syslinuxConfiguration({
        kernel: '/boot/kernel',
        initrd: '/boot/initrd.img',
        cmdline: parts.cmdline,
      }),
    ),
  );
  add('boot/kernel', parts.kernel);
  add('boot/initrd.img', parts.initrd);
  for (const [path, node] of more) add(path, node);
  return { root: builder.finish(), hybridCode: loader['isohdpfx.bin'] };
}

/**
 * Writes an image that starts from a CD and from a disk: isolinux reads its file system in both cases, so there
 * is no loader to be patched into a disk's sectors. docs/design/0040-disk-formats.md
 */
export function writeHybrid(
  sink: BlockSink,
  tree: { readonly root: DirectoryNode; readonly hybridCode: Uint8Array },
): Promise<number> {
  return writeIso(sink, tree.root, {
    volumeId: VOLUME_ID,
    mtime: GENERATED_MTIME,
    boot: [{ platform: 'bios', path: 'isolinux/isolinux.bin', loadSectors: 4, infoTable: true }],
    hybrid: { bootCode: tree.hybridCode },
  });
}
