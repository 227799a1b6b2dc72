import { encodeName } from '@orlop/core';
import { Layout } from '../bytes.ts';
import { diskError } from '../errors.ts';
import { compareUtf8, type DirectoryNode, type TreeNode } from '../tree.ts';
import { BLOCK_BYTES, entryType } from './constants.ts';

const ENTRY_BYTES = 12;
const MAX_NAME_BYTES = 255;

type Entry = readonly [name: string, node: TreeNode];

/** A directory's entries over its blocks: by the bytes of their names, `.` and `..` among them. */
export class DirectoryBlocks {
  readonly sizeBytes: number;
  readonly #directory: DirectoryNode;
  readonly #parent: DirectoryNode;
  /** How many entries each block has. */
  readonly #counts: readonly number[];

  constructor(pathOf: () => string, directory: DirectoryNode, parent: DirectoryNode) {
    this.#directory = directory;
    this.#parent = parent;
    const counts = [0];
    let filled = 0;
    for (const [name] of this.#entries()) {
      const nameBytes = encodeName(name).length;
      if (nameBytes > MAX_NAME_BYTES)
        throw diskError('disk.bad-name', `a name in "/${pathOf()}" is longer than ${MAX_NAME_BYTES} bytes`);
      const bytes = ENTRY_BYTES + nameBytes;
      if (filled + bytes > BLOCK_BYTES) {
        counts.push(0);
        filled = 0;
      }
      counts[counts.length - 1] = (counts.at(-1) ?? 0) + 1;
      filled += bytes;
    }
    this.#counts = counts;
    this.sizeBytes = (counts.length - 1) * BLOCK_BYTES + filled;
  }

  /** @param numberOf the slot in which a node's inode begins */
  encode(numberOf: (node: TreeNode) => number): Uint8Array {
    const layout = new Layout(this.sizeBytes);
    const all = this.#entries();
    let first = 0;
    for (const [block, count] of this.#counts.entries()) {
      const start = block * BLOCK_BYTES;
      let nameAt = count * ENTRY_BYTES;
      for (const [i, [name, node]] of all.slice(first, first + count).entries()) {
        const bytes = encodeName(name);
        layout
          .u64le(start + i * ENTRY_BYTES, numberOf(node))
          .u16le(start + i * ENTRY_BYTES + 8, nameAt)
          .u8(start + i * ENTRY_BYTES + 10, entryType[node.type])
          .set(start + nameAt, bytes);
        nameAt += bytes.length;
      }
      first += count;
    }
    return layout.bytes;
  }

  /** Sorted anew each time: kept, they are most of what a large tree takes. */
  #entries(): Entry[] {
    const dots: Entry[] = [
      ['.', this.#directory],
      ['..', this.#parent],
    ];
    return [...dots, ...this.#directory.children].sort(([a], [b]) => compareUtf8(a, b));
  }
}
