import { createReadStream } from 'node:fs';
import { type EntryHeader, type EntryStream, readTar } from '@orlop/archive';
import { OrlopError } from '@orlop/core';
import { kitError } from '../errors.ts';
import { Spool } from '../formats/spool/spool.ts';
import type { ReusableContent } from './compose-rootfs.ts';
import { DIGEST_RECORD, LOCATION_RECORD } from './entries.ts';
import type { ComposeImage } from './rootfs-plan.ts';

/**
 * An image file of the format `tar` from an earlier build, as the source of what has not changed: the content of
 * an image that stands at the same place in the description, and whose digest is the same.
 */
export class InputTar {
  readonly #spool: Spool;
  /** Location to the digest of the image that stood there. */
  readonly #digests: ReadonlyMap<string, string>;

  /** @throws OrlopError `kit.invalid-input-tar` */
  static async open(path: string, workFolder: string): Promise<InputTar> {
    const digests = new Map<string, string>();
    async function* images(): EntryStream {
      for await (const entry of readTar(createReadStream(path, { highWaterMark: 1 << 20 }))) {
        const { pax } = entry.header;
        const location = pax?.get(LOCATION_RECORD);
        const digest = pax?.get(DIGEST_RECORD);
        if (location === undefined || digest === undefined || location === 'kernel') continue;
        digests.set(location, digest);
        yield entry;
      }
    }
    try {
      return new InputTar(await Spool.write(images(), workFolder, 'input-tar'), digests);
    } catch (cause) {
      if (cause instanceof OrlopError && cause.kind === 'cancelled') throw cause;
      throw kitError('kit.invalid-input-tar', `cannot read ${path} as an image file of the format tar`, {
        cause,
      });
    }
  }

  private constructor(spool: Spool, digests: ReadonlyMap<string, string>) {
    this.#spool = spool;
    this.#digests = digests;
  }

  /**
   * Whether the images that share the root are the same. Where one put a link decides where others' files went, so
   * they are used again all or none.
   */
  hasSameInit(init: readonly ComposeImage[]): boolean {
    const old = [...this.#digests.keys()].filter((location) => location.startsWith('init[')).length;
    return (
      old === init.length &&
      init.every((image, index) => this.#digests.get(`init[${index}]`) === image.digest)
    );
  }

  /** The content of an image in the old file; undefined when it had another image there, or elsewhere. */
  reuse({ location, image, prefix }: ReusableContent): EntryStream | undefined {
    if (this.#digests.get(location) !== image.digest) return undefined;
    const inside = (header: EntryHeader) =>
      header.pax?.get(LOCATION_RECORD) === location &&
      (prefix === '' || header.name.startsWith(`${prefix}/`));
    return this.#spool.has(inside) ? this.#spool.stream(inside) : undefined;
  }

  async close(): Promise<void> {
    await this.#spool.remove();
  }
}
