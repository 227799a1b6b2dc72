import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type EntryStream, writeCpio } from '@orlop/archive';
import type { FileNode } from '@orlop/disk';
import { bootFiles, compressInitrd, paddedUcode } from './boot-files.ts';
import { openedFile } from './file-nodes.ts';
import { firstInitrd } from './first-initrd.ts';
import type { FormatContext } from './format.ts';
import { writeStream } from './output-set.ts';

/** What a boot loader loads. */
export interface BootParts {
  readonly kernel: FileNode;
  readonly initrd: FileNode;
  readonly cmdline: string;
}

/**
 * Makes the parts of a boot for formats that lay them on a disk, each kind once in a build. The initrds are in
 * files of the work folder until {@link close}.
 */
export class BootPartsMaker {
  readonly #files: FileHandle[] = [];
  #whole: Promise<BootParts> | undefined;
  #first: Promise<BootParts> | undefined;

  /** The initrd holds the whole root, the microcode before it. */
  whole(context: FormatContext): Promise<BootParts> {
    this.#whole ??= (async () => {
      const { kernel, cmdline, initrd } = await bootFiles(context);
      return {
        kernel,
        cmdline,
        initrd: await this.#keep(context, 'whole-initrd', initrd({ withUcode: true })),
      };
    })();
    return this.#whole;
  }

  /** The initrd only finds the root on a disk, and goes on there. */
  first(context: FormatContext): Promise<BootParts> {
    this.#first ??= (async () => {
      const { kernel, cmdline, ucode } = await bootFiles(context);
      const entries: EntryStream = firstInitrd(
        context.bootComponent('boot-initrd'),
        await context.input.tree(),
      );
      const archive = compressInitrd(writeCpio(entries), context.initrdCompression);
      const initrd = async function* () {
        if (ucode !== undefined) yield* paddedUcode(ucode);
        yield* archive;
      };
      return { kernel, cmdline, initrd: await this.#keep(context, 'first-initrd', initrd()) };
    })();
    return this.#first;
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
  }

  async #keep(
    { outputs, signal }: FormatContext,
    name: string,
    content: AsyncIterable<Uint8Array>,
  ): Promise<FileNode> {
    const file = await open(join(await outputs.workFolder(), name), 'w+', 0o600);
    this.#files.push(file);
    await writeStream(file, content, signal);
    return openedFile(file);
  }
}
