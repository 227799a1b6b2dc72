import { Layout } from '../bytes.ts';
import type { BlockCompressor } from '../compressor.ts';
import { METADATA_BLOCK_BYTES, METADATA_UNCOMPRESSED } from './constants.ts';

/** Where something lies in a metadata table: the start of its block, and the offset in it when unpacked. */
export interface MetadataPosition {
  readonly block: number;
  readonly offset: number;
}

/** A table of metadata blocks: 8 KiB each before compression, a two-byte header before each. */
export class MetadataTable {
  readonly #compressor: BlockCompressor;
  readonly #blocks: Uint8Array[] = [];
  /** Start of each finished block, from the table's start. */
  readonly #starts: number[] = [];
  readonly #current = new Uint8Array(METADATA_BLOCK_BYTES);
  #filled = 0;
  #bytes = 0;

  constructor(compressor: BlockCompressor) {
    this.#compressor = compressor;
  }

  /** Where the next byte will lie. */
  get position(): MetadataPosition {
    return { block: this.#bytes, offset: this.#filled };
  }

  async append(bytes: Uint8Array): Promise<void> {
    let at = 0;
    while (at < bytes.length) {
      const part = bytes.subarray(at, at + METADATA_BLOCK_BYTES - this.#filled);
      this.#current.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === METADATA_BLOCK_BYTES) await this.#flush();
    }
  }

  /** Ends the table. @returns its blocks, and the start of each from the table's start. */
  async finish(): Promise<{ bytes: Uint8Array; starts: readonly number[] }> {
    await this.#flush();
    const bytes = new Uint8Array(this.#bytes);
    let at = 0;
    for (const block of this.#blocks) {
      bytes.set(block, at);
      at += block.length;
    }
    return { bytes, starts: this.#starts };
  }

  async #flush(): Promise<void> {
    if (this.#filled === 0) return;
    const raw = this.#current.slice(0, this.#filled);
    const packed = await this.#compressor.compress(raw);
    const smaller = packed.length < raw.length;
    const content = smaller ? packed : raw;
    const block = new Layout(2 + content.length)
      .u16le(0, content.length | (smaller ? 0 : METADATA_UNCOMPRESSED))
      .set(2, content);
    this.#starts.push(this.#bytes);
    this.#blocks.push(block.bytes);
    this.#bytes += block.bytes.length;
    this.#filled = 0;
  }
}

/** A table that is looked up by number: metadata blocks, then the list of their places. */
export async function encodeLookupTable(
  compressor: BlockCompressor,
  entries: Uint8Array,
  tableStart: number,
): Promise<{ bytes: Uint8Array; indexStart: number }> {
  const table = new MetadataTable(compressor);
  await table.append(entries);
  const { bytes, starts } = await table.finish();
  const layout = new Layout(bytes.length + starts.length * 8).set(0, bytes);
  starts.forEach((start, i) => {
    layout.u64le(bytes.length + i * 8, tableStart + start);
  });
  return { bytes: layout.bytes, indexStart: tableStart + bytes.length };
}
