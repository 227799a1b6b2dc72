/**
 * The binary form of kmod's indexes (`modules.dep.bin` and its like): a trie over ASCII keys, so that a pattern
 * is found without reading all of them. kmod, libkmod/libkmod-index.h: all integers are big-endian; a node is an
 * offset whose upper bits say what it holds.
 */
const MAGIC = 0xb007f457;
const VERSION = 0x0002_0001;
const NODE_PREFIX = 0x8000_0000;
const NODE_VALUES = 0x4000_0000;
const NODE_CHILDREN = 0x2000_0000;

export interface IndexEntry {
  readonly key: string;
  readonly value: string;
  /** Values of one key are tried in the order of their priorities. */
  readonly priority: number;
}

interface TrieNode {
  readonly prefix: string;
  readonly values: readonly IndexEntry[];
  readonly children: ReadonlyMap<number, TrieNode>;
}

/** Encodes an index. Keys that are not plain ASCII cannot be looked up and are left out. */
export function encodeModuleIndex(entries: readonly IndexEntry[]): Uint8Array {
  const sorted = entries
    .filter(({ key }) => /^[\x01-\x7f]*$/.test(key))
    .map((entry, order) => ({ entry, order }))
    .sort(
      (a, b) => compare(a.entry.key, b.entry.key) || a.entry.priority - b.entry.priority || a.order - b.order,
    )
    .map(({ entry }) => entry);
  const writer = new IndexWriter();
  writer.u32(MAGIC);
  writer.u32(VERSION);
  writer.u32(0); // the root's offset, known at the end
  const root = sorted.length === 0 ? undefined : buildNode(sorted, 0);
  writer.patchU32(8, writeNode(writer, root ?? { prefix: '', values: [], children: new Map() }));
  return writer.bytes();
}

/** A node for sorted entries that agree up to `depth`. */
function buildNode(entries: readonly IndexEntry[], depth: number): TrieNode {
  const first = entries[0]?.key ?? '';
  const last = entries.at(-1)?.key ?? '';
  let end = depth;
  // Sorted: what the first and the last share, all share.
  while (end < first.length && end < last.length && first[end] === last[end]) end++;
  const values = entries.filter(({ key }) => key.length === end);
  const children = new Map<number, TrieNode>();
  let from = values.length;
  while (from < entries.length) {
    const code = entries[from]?.key.charCodeAt(end) ?? 0;
    let to = from;
    while (to < entries.length && entries[to]?.key.charCodeAt(end) === code) to++;
    children.set(code, buildNode(entries.slice(from, to), end + 1));
    from = to;
  }
  return { prefix: first.slice(depth, end), values, children };
}

/** Writes a node behind its children, and returns its offset with the bits of what it holds. */
function writeNode(writer: IndexWriter, node: TrieNode): number {
  const codes = [...node.children.keys()];
  const low = Math.min(...codes);
  const high = Math.max(...codes);
  const offsets = new Map<number, number>();
  for (const [code, child] of node.children) offsets.set(code, writeNode(writer, child));
  let result = writer.length;
  if (node.prefix !== '') {
    result += NODE_PREFIX;
    writer.text(node.prefix);
  }
  if (codes.length > 0) {
    result += NODE_CHILDREN;
    writer.u8(low);
    writer.u8(high);
    for (let code = low; code <= high; code++) writer.u32(offsets.get(code) ?? 0);
  }
  if (node.values.length > 0) {
    result += NODE_VALUES;
    writer.u32(node.values.length);
    for (const { priority, value } of node.values) {
      writer.u32(priority);
      writer.text(value);
    }
  }
  return result;
}

class IndexWriter {
  #buffer = new Uint8Array(64 * 1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#length += 4;
    this.patchU32(this.#length - 4, value);
  }

  patchU32(at: number, value: number): void {
    new DataView(this.#buffer.buffer).setUint32(at, value);
  }

  /** ASCII, ended by a NUL. */
  text(value: string): void {
    for (let i = 0; i < value.length; i++) this.u8(value.charCodeAt(i));
    this.u8(0);
  }

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const larger = new Uint8Array(this.#buffer.length * 2);
    larger.set(this.#buffer);
    this.#buffer = larger;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
