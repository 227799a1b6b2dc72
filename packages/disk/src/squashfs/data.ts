import { IntColumn } from '@orlop/core';
import type { BlockSink } from '../block.ts';
import { isZero, Layout } from '../bytes.ts';
import { type BlockCompressor, OrderedWork } from '../compressor.ts';
import { contentPieces } from '../content.ts';
import type { FileNode } from '../tree.ts';
import { DATA_UNCOMPRESSED, NO_FRAGMENT } from './constants.ts';

/** Where a file's content lies. */
export interface StoredContent {
  /** Start of the first block in the image; 0 where there is none. */
  readonly start: number;
  /** Size of each block, with {@link DATA_UNCOMPRESSED}; 0 is a block of zeros. */
  readonly blockSizes: readonly number[];
  readonly fragment: number;
  readonly fragmentOffset: number;
  /** Bytes in blocks of zeros. */
  readonly sparseBytes: number;
}

/** In a column, where a content is in no fragment. */
const NONE = -1;

/** What a content has that is not in a fragment alone. */
interface StoredBlocks {
  start: number;
  readonly blockSizes: number[];
  sparseBytes: number;
}

const NO_BLOCKS: StoredBlocks = Object.freeze({ start: 0, blockSizes: [], sparseBytes: 0 });

export interface DataWriterOptions {
  readonly start: number;
  readonly blockBytes: number;
  readonly compressor: BlockCompressor;
}

/** Writes file contents: whole blocks in file order, small files together in fragment blocks. */
export class DataWriter {
  readonly #sink: BlockSink;
  readonly #options: DataWriterOptions;
  readonly #work: OrderedWork<Uint8Array>;
  readonly #byKey = new Map<string, number>();
  /** Of each content. Most are small, so blocks are kept only of those that have some. */
  readonly #fragmentOf = new IntColumn(NONE);
  readonly #fragmentOffset = new IntColumn();
  readonly #blocks = new Map<number, StoredBlocks>();
  #count = 0;
  readonly #fragments: { start: number; size: number }[] = [];
  #fragment: Uint8Array;
  #fragmentFilled = 0;
  #end: number;
  duplicates = 0;

  constructor(sink: BlockSink, options: DataWriterOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#work = new OrderedWork(options.compressor.concurrency);
    this.#fragment = new Uint8Array(options.blockBytes);
    this.#end = options.start;
  }

  /** @returns the content's number, by which {@link stored} knows it after {@link finish} */
  async add(pathOf: () => string, node: FileNode): Promise<number> {
    const twin = node.contentKey === undefined ? undefined : this.#byKey.get(node.contentKey);
    if (twin !== undefined) {
      this.duplicates++;
      return twin;
    }
    const { blockBytes } = this.#options;
    const content = this.#count++;
    if (node.contentKey !== undefined) this.#byKey.set(node.contentKey, content);
    const pieces = contentPieces(pathOf, node, blockBytes);
    if (node.sizeBytes < blockBytes) {
      for await (const piece of pieces) await this.#addFragment(content, piece);
    } else {
      const blocks = { start: 0, blockSizes: [], sparseBytes: 0 };
      this.#blocks.set(content, blocks);
      for await (const piece of pieces) await this.#addBlock(blocks, piece);
    }
    return content;
  }

  stored(content: number): StoredContent {
    if (content < 0 || content >= this.#count) throw new Error('bug: a file without stored content');
    const fragment = this.#fragmentOf.get(content);
    return {
      ...(this.#blocks.get(content) ?? NO_BLOCKS),
      fragment: fragment === NONE ? NO_FRAGMENT : fragment,
      fragmentOffset: this.#fragmentOffset.get(content),
    };
  }

  /** @returns the end of the data, and the fragment table's entries. */
  async finish(): Promise<{ end: number; fragments: Uint8Array; fragmentCount: number }> {
    await this.#flushFragment();
    await this.#work.drain();
    const layout = new Layout(this.#fragments.length * 16);
    this.#fragments.forEach(({ start, size }, i) => {
      layout.u64le(i * 16, start).u32le(i * 16 + 8, size);
    });
    return { end: this.#end, fragments: layout.bytes, fragmentCount: this.#fragments.length };
  }

  async #addBlock(stored: StoredBlocks, block: Uint8Array): Promise<void> {
    const index = stored.blockSizes.push(0) - 1;
    if (isZero(block)) {
      stored.sparseBytes += block.length;
      return;
    }
    await this.#write(block, (start, size) => {
      if (stored.start === 0) stored.start = start;
      stored.blockSizes[index] = size;
    });
  }

  async #addFragment(content: number, piece: Uint8Array): Promise<void> {
    if (this.#fragmentFilled + piece.length > this.#options.blockBytes) await this.#flushFragment();
    this.#fragment.set(piece, this.#fragmentFilled);
    this.#fragmentOf.set(content, this.#fragments.length);
    this.#fragmentOffset.set(content, this.#fragmentFilled);
    this.#fragmentFilled += piece.length;
  }

  async #flushFragment(): Promise<void> {
    if (this.#fragmentFilled === 0) return;
    const entry = { start: 0, size: 0 };
    this.#fragments.push(entry);
    const block = this.#fragment.subarray(0, this.#fragmentFilled);
    this.#fragment = new Uint8Array(this.#options.blockBytes);
    this.#fragmentFilled = 0;
    await this.#write(block, (start, size) => {
      entry.start = start;
      entry.size = size;
    });
  }

  #write(block: Uint8Array, written: (start: number, size: number) => void): Promise<void> {
    return this.#work.add(this.#options.compressor.compress(block), async (packed) => {
      const smaller = packed.length < block.length;
      const content = smaller ? packed : block;
      written(this.#end, smaller ? content.length : content.length | DATA_UNCOMPRESSED);
      const at = this.#end;
      this.#end += content.length;
      await this.#sink.write(at, content);
    });
  }
}
