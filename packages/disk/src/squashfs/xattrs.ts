import { Layout } from '../bytes.ts';
import type { BlockCompressor } from '../compressor.ts';
import { compareUtf8 } from '../tree.ts';
import { splitXattr, type XattrPrefix } from '../xattr-names.ts';
import { NO_XATTRS } from './constants.ts';
import { encodeLookupTable, MetadataTable } from './metadata.ts';

const PREFIXES: readonly XattrPrefix[] = [
  ['user.', 0],
  ['trusted.', 1],
  ['security.', 2],
];

/** Sets of extended attributes, each stored once. */
export class XattrTable {
  readonly #pairs: MetadataTable;
  readonly #compressor: BlockCompressor;
  readonly #sets = new Map<string, number>();
  readonly #entries: Uint8Array[] = [];

  constructor(compressor: BlockCompressor) {
    this.#compressor = compressor;
    this.#pairs = new MetadataTable(compressor);
  }

  get count(): number {
    return this.#entries.length;
  }

  /** @returns the number of the set, for an inode. */
  async add(path: string, xattrs: ReadonlyMap<string, Uint8Array> | undefined): Promise<number> {
    if (xattrs === undefined || xattrs.size === 0) return NO_XATTRS;
    const parts: Uint8Array[] = [];
    for (const [name, value] of [...xattrs].sort(([a], [b]) => compareUtf8(a, b)))
      parts.push(encodePair(path, name, value));
    const bytes = concat(parts);
    const key = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
    const known = this.#sets.get(key);
    if (known !== undefined) return known;
    const { block, offset } = this.#pairs.position;
    // `size` counts the attributes as listxattr would: unpacked bytes.
    this.#entries.push(
      new Layout(16)
        .u64le(0, block * 0x10000 + offset)
        .u32le(8, xattrs.size)
        .u32le(12, bytes.length).bytes,
    );
    await this.#pairs.append(bytes);
    const id = this.#entries.length - 1;
    this.#sets.set(key, id);
    return id;
  }

  /** The whole table, and where in the image its header lies. */
  async finish(start: number): Promise<{ bytes: Uint8Array; headerStart: number }> {
    const pairs = await this.#pairs.finish();
    const idsStart = start + pairs.bytes.length;
    const ids = await encodeLookupTable(this.#compressor, concat(this.#entries), idsStart);
    // The header stands between the id blocks and their index.
    const blocks = ids.indexStart - idsStart;
    const header = new Layout(16).u64le(0, start).u32le(8, this.#entries.length);
    const bytes = concat([
      pairs.bytes,
      ids.bytes.subarray(0, blocks),
      header.bytes,
      ids.bytes.subarray(blocks),
    ]);
    return { bytes, headerStart: ids.indexStart };
  }
}

function encodePair(path: string, full: string, attribute: Uint8Array): Uint8Array {
  const rules = { fileSystem: 'squashfs', prefixes: PREFIXES, pathOf: () => path };
  const { index, name, value } = splitXattr(rules, full, attribute);
  return new Layout(8 + name.length + value.length)
    .u16le(0, index)
    .u16le(2, name.length)
    .set(4, name)
    .u32le(4 + name.length, value.length)
    .set(8 + name.length, value).bytes;
}

/** The parts in one piece. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
