import { type EntryStream, writeTar } from '@orlop/archive';
import { type DirectoryNode, type FileNode, sortedChildren } from '@orlop/disk';
import { kitError } from '../errors.ts';
import { fileMember } from './archive-member.ts';
import { readBootComponent } from './boot-component.ts';
import { bytesNode } from './file-nodes.ts';
import { findNode } from './find-node.ts';
import type { FormatContext, OutputFormat } from './format.ts';

/** What the chip reads first, what its first program loads, and their licence. */
const FIRMWARE = ['bootcode.bin', 'start.elf', 'fixup.dat', 'copyright'] as const;
/** Where kernel images keep device trees. */
const TREE_FOLDER = 'boot/dtb';
/** Linux calls the boards by their chip's newer name, Raspberry Pi's own kernels by an older one. */
const TREE_NAME = /^bcm(2837|2710)-rpi-.*\.dtb$/;
/** Of a 64-bit kernel, little-endian: Documentation/arch/arm64/booting.rst. */
const IMAGE_MAGIC_OFFSET = 56;
const IMAGE_MAGIC = 'ARMd';

/**
 * What the firmware of a Raspberry Pi reads (config.txt of Raspberry Pi's documentation): a 64-bit kernel, device trees
 * as Linux names them, an initrd right behind the kernel, and the second serial line kept at its speed.
 */
const CONFIG = `arm_64bit=1
enable_uart=1
upstream_kernel=1
kernel=kernel8.img
initramfs initrd.img followkernel
`;

export const rpi3Format: OutputFormat = {
  name: 'rpi3',
  summary: "tar archive of a Raspberry Pi 3's boot partition",
  outputs: (name) => [`${name}.tar`],
  needsKernel: true,
  usesTree: true,
  bootComponents: ['boot-rpi3'],
  singleFile: true,
  write: async (context) => {
    if (context.architecture !== 'arm64')
      throw kitError('kit.invalid-option', `the format rpi3 is for arm64, not for ${context.architecture}`, {
        hint: 'build with --arch arm64',
      });
    const files = await bootPartition(context);
    await context.outputs.write(`${context.name}.tar`, writeTar(members(files)));
  },
};

async function bootPartition(context: FormatContext): Promise<ReadonlyMap<string, FileNode>> {
  const { kernel, initrd, cmdline } = await context.bootParts.whole(context);
  await requireImage(kernel);
  const trees = deviceTrees(await context.input.tree());
  const firmware = await readBootComponent(context.bootComponent('boot-rpi3'), FIRMWARE);
  return new Map([
    ['bootcode.bin', bytesNode(firmware['bootcode.bin'])],
    ['start.elf', bytesNode(firmware['start.elf'])],
    ['fixup.dat', bytesNode(firmware['fixup.dat'])],
    ['LICENCE.broadcom', bytesNode(firmware.copyright)],
    ['config.txt', bytesNode(CONFIG)],
    ['cmdline.txt', bytesNode(`${cmdline}\n`)],
    ...trees,
    ['kernel8.img', kernel],
    ['initrd.img', initrd],
  ]);
}

/** @throws OrlopError `kit.no-kernel` where the kernel's image has none */
function deviceTrees(root: DirectoryNode): (readonly [string, FileNode])[] {
  const found: [string, FileNode][] = [];
  const walk = (folder: DirectoryNode) => {
    for (const [name, node] of sortedChildren(folder)) {
      if (node.type === 'directory') walk(node);
      else if (node.type === 'file' && TREE_NAME.test(name)) found.push([name, node]);
    }
  };
  const folder = findNode(root, TREE_FOLDER);
  if (folder?.type === 'directory') walk(folder);
  if (found.length > 0) return found;
  throw kitError(
    'kit.no-kernel',
    `the kernel's image has no device tree of a Raspberry Pi 3 in ${TREE_FOLDER}`,
    {
      hint: 'use the kernel orlop/kernel-rpi3, or one whose tar has boot/dtb/broadcom/bcm2837-rpi-3-b.dtb',
    },
  );
}

/** The firmware starts what is a plain image, and says nothing when it is not. */
async function requireImage(kernel: FileNode): Promise<void> {
  let head = '';
  for await (const chunk of kernel.open()) {
    head += Buffer.from(chunk.subarray(0, IMAGE_MAGIC_OFFSET + IMAGE_MAGIC.length)).toString('latin1');
    if (head.length >= IMAGE_MAGIC_OFFSET + IMAGE_MAGIC.length) break;
  }
  if (head.startsWith(IMAGE_MAGIC, IMAGE_MAGIC_OFFSET)) return;
  throw kitError('kit.kernel-compression', 'the kernel is no plain arm64 image, which rpi3 needs', {
    hint: 'build with --decompress-kernel',
  });
}

async function* members(files: ReadonlyMap<string, FileNode>): EntryStream {
  for (const [name, file] of files) yield fileMember(name, file);
}
