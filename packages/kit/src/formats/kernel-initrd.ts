import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesBody, type EntryStream, writeTar } from '@orlop/archive';
import { fileMember } from './archive-member.ts';
import { bootFiles } from './boot-files.ts';
import { bytesNode, openedFile } from './file-nodes.ts';
import type { FormatContext, OutputFormat } from './format.ts';
import { writeStream } from './output-set.ts';

export const kernelInitrdFormat: OutputFormat = {
  name: 'kernel+initrd',
  summary: 'kernel, initial RAM disk and command line, as QEMU and boot loaders take them',
  outputs: (name) => [`${name}-kernel`, `${name}-initrd.img`, `${name}-cmdline`],
  commonOutputs: (name) => [`${name}-kernel`, `${name}-cmdline`],
  needsKernel: true,
  usesTree: true,
  async write(context) {
    const { name, outputs } = context;
    const { kernel, cmdline, initrd } = await bootFiles(context);
    await outputs.write(`${name}-kernel`, kernel.open());
    await outputs.write(`${name}-initrd.img`, initrd({ withUcode: true }));
    if (cmdline !== '') await outputs.write(`${name}-cmdline`, bytesBody(new TextEncoder().encode(cmdline)));
  },
};

export const tarKernelInitrdFormat: OutputFormat = {
  name: 'tar-kernel-initrd',
  summary: 'one tar archive of kernel, initrd.img, cmdline and ucode.cpio',
  outputs: (name) => [`${name}-initrd.tar`],
  needsKernel: true,
  singleFile: true,
  usesTree: true,
  write: (context) => context.outputs.write(`${context.name}-initrd.tar`, writeTar(bootArchive(context))),
};

async function* bootArchive(context: FormatContext): EntryStream {
  const { kernel, cmdline, ucode, initrd } = await bootFiles(context);
  // An archive says a member's size before its content: the initial RAM disk is compressed into a file first.
  const file = await open(join(await context.outputs.workFolder(), 'bare-initrd'), 'w+', 0o600);
  try {
    await writeStream(file, initrd({ withUcode: false }), context.signal);
    yield fileMember('kernel', kernel);
    yield fileMember('initrd.img', await openedFile(file));
    yield fileMember('cmdline', bytesNode(cmdline));
    if (ucode !== undefined) yield fileMember('ucode.cpio', ucode);
  } finally {
    await file.close();
  }
}
