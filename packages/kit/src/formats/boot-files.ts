import type { FileHandle } from 'node:fs/promises';
import { type ArchiveEntry, type EntryStream, writeCpio } from '@orlop/archive';
import { gzipParallel, zstdByHost } from '@orlop/oci';
import { BOOT_CMDLINE, BOOT_KERNEL, BOOT_UCODE } from '../compose/layout-paths.ts';
import { kitError } from '../errors.ts';
import type { InitrdCompression } from './format.ts';
import { writeAll } from './output-set.ts';

/** Where the parts of a kernel boot go. The initial RAM disk begins with the microcode, where there is some. */
export interface BootFiles {
  readonly kernel: FileHandle;
  readonly initrd: FileHandle;
  readonly compression: InitrdCompression;
}

export interface BootFilesResult {
  readonly cmdline: string;
  readonly ucode: Uint8Array | undefined;
}

/** Microcode of all processors of a maker together is some 5 to 15 MB. */
const MAX_UCODE_BYTES = 256 * 2 ** 20;

/**
 * Takes a composition apart in one pass: the kernel to its file, all outside `boot/` to a compressed cpio
 * archive. The microcode is returned, since it must come before the archive and uncompressed.
 */
export async function writeBootFiles(entries: EntryStream, files: BootFiles): Promise<BootFilesResult> {
  const boot = new BootParts(files.kernel);
  const archive = compressInitrd(writeCpio(boot.without(entries)), files.compression);
  for await (const chunk of archive) await writeAll(files.initrd, chunk);
  if (!boot.hasKernel) throw kitError('kit.no-kernel', 'the image has no kernel');
  return { cmdline: boot.cmdline, ucode: boot.ucode };
}

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

class BootParts {
  cmdline = '';
  ucode: Uint8Array | undefined;
  hasKernel = false;
  readonly #kernel: FileHandle;

  constructor(kernel: FileHandle) {
    this.#kernel = kernel;
  }

  /** The entries that are not below `boot/`; those are kept on the way. */
  async *without(entries: EntryStream): EntryStream {
    for await (const entry of entries) {
      if (entry.header.name.startsWith('boot/')) await this.#keep(entry);
      else yield entry;
    }
  }

  async #keep({ header, body }: ArchiveEntry): Promise<void> {
    switch (header.name) {
      case BOOT_KERNEL:
        this.hasKernel = true;
        await this.#kernel.truncate(0);
        for await (const chunk of body) await writeAll(this.#kernel, chunk);
        break;
      case BOOT_CMDLINE:
        this.cmdline = new TextDecoder().decode(await gather(body, header.sizeBytes));
        break;
      case BOOT_UCODE:
        if (header.sizeBytes > MAX_UCODE_BYTES) {
          throw kitError('kit.invalid-image', `the microcode has ${header.sizeBytes} bytes`);
        }
        this.ucode = await gather(body, header.sizeBytes);
        break;
    }
  }
}

async function gather(body: AsyncIterable<Uint8Array>, sizeBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes);
  let filled = 0;
  for await (const chunk of body) {
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  return bytes;
}

/** The microcode, then the file's content: what the kernel reads before it unpacks anything. */
export async function* withUcode(ucode: Uint8Array, initrd: FileHandle): AsyncGenerator<Uint8Array> {
  yield ucode;
  // The archive that follows starts at a multiple of four (buffer-format.rst).
  if (ucode.length % 4 !== 0) yield new Uint8Array(4 - (ucode.length % 4));
  yield* readWhole(initrd);
}

export async function* readWhole(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    const buffer = Buffer.allocUnsafe(1 << 20);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
