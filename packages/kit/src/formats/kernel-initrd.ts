import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesBody, type EntryStream, writeTar } from '@orlop/archive';
import { GENERATED_MTIME } from '../compose/entries.ts';
import { readWhole, withUcode, writeBootFiles } from './boot-files.ts';
import type { FormatContext, OutputFormat } from './format.ts';

export const kernelInitrdFormat: OutputFormat = {
  name: 'kernel+initrd',
  summary: 'kernel, initial RAM disk and command line, as QEMU and boot loaders take them',
  outputs: (name) => [`${name}-kernel`, `${name}-initrd.img`, `${name}-cmdline`],
  needsKernel: true,
  async write({ input, name, outputs, initrdCompression }) {
    const kernel = await outputs.open(`${name}-kernel`);
    try {
      // Microcode goes first, but comes when much of the archive was written: then the archive is copied.
      const initrd = await outputs.open(`${name}-initrd.img`);
      try {
        const parts = { kernel, initrd, compression: initrdCompression };
        const { cmdline, ucode } = await writeBootFiles(input.stream(), parts);
        if (cmdline !== '') await outputs.write(`${name}-cmdline`, textOf(cmdline));
        if (ucode !== undefined) await outputs.write(`${name}-initrd.img`, withUcode(ucode, initrd));
      } finally {
        await initrd.close();
      }
    } finally {
      await kernel.close();
    }
  },
};

export const tarKernelInitrdFormat: OutputFormat = {
  name: 'tar-kernel-initrd',
  summary: 'one tar archive of kernel, initrd.img, cmdline and ucode.cpio',
  outputs: (name) => [`${name}-initrd.tar`],
  needsKernel: true,
  singleFile: true,
  async write(context) {
    await context.outputs.write(`${context.name}-initrd.tar`, writeTar(bootArchive(context)));
  },
};

async function* bootArchive({ input, outputs, initrdCompression }: FormatContext): EntryStream {
  const folder = await outputs.workFolder();
  const kernel = await open(join(folder, 'kernel'), 'w+', 0o600);
  const initrd = await open(join(folder, 'initrd.img'), 'w+', 0o600);
  try {
    const parts = { kernel, initrd, compression: initrdCompression };
    const { cmdline, ucode } = await writeBootFiles(input.stream(), parts);
    const member = (name: string, sizeBytes: number, body: AsyncIterable<Uint8Array>) => ({
      header: { name, type: 'file' as const, mode: 0o644, uid: 0, gid: 0, sizeBytes, mtime: GENERATED_MTIME },
      body,
    });
    const text = new TextEncoder().encode(cmdline);
    yield member('kernel', (await kernel.stat()).size, readWhole(kernel));
    yield member('initrd.img', (await initrd.stat()).size, readWhole(initrd));
    yield member('cmdline', text.length, bytesBody(text));
    if (ucode !== undefined) yield member('ucode.cpio', ucode.length, bytesBody(ucode));
  } finally {
    await kernel.close();
    await initrd.close();
  }
}

function textOf(text: string): AsyncIterable<Uint8Array> {
  return bytesBody(new TextEncoder().encode(text));
}
