import { encodeName } from '@orlop/core';
import { Layout } from '../bytes.ts';
import { diskError } from '../errors.ts';
import { compareUtf8, type DirectoryNode, type TreeNode } from '../tree.ts';
import { BLOCK_BYTES, entryType } from './constants.ts';

const ENTRY_BYTES = 12;
const MAX_NAME_BYTES = 255;

/** A name stays a string: as bytes, each would be a buffer of its own. */
interface Entry {
  readonly name: string;
  readonly nameBytes: number;
  readonly node: TreeNode;
}

/** A directory's entries over its blocks: by the bytes of their names, `.` and `..` among them. */
export class DirectoryBlocks {
  readonly #blocks: readonly (readonly Entry[])[];

  constructor(path: string, directory: DirectoryNode, parent: DirectoryNode) {
    const entries = [['.', directory] as const, ['..', parent] as const, ...directory.children]
      .sort(([a], [b]) => compareUtf8(a, b))
      .map(([name, node]): Entry => ({ name, nameBytes: encodeName(name).length, node }));
    const blocks: Entry[][] = [[]];
    let filled = 0;
    for (const entry of entries) {
      if (entry.nameBytes > MAX_NAME_BYTES)
        throw diskError('disk.bad-name', `a name in "/${path}" is longer than ${MAX_NAME_BYTES} bytes`);
      const bytes = ENTRY_BYTES + entry.nameBytes;
      if (filled + bytes > BLOCK_BYTES) {
        blocks.push([]);
        filled = 0;
      }
      blocks[blocks.length - 1]?.push(entry);
      filled += bytes;
    }
    this.#blocks = blocks;
  }

  get sizeBytes(): number {
    const last = this.#blocks[this.#blocks.length - 1] ?? [];
    return (this.#blocks.length - 1) * BLOCK_BYTES + bytesOf(last);
  }

  /** @param numberOf the slot in which a node's inode begins */
  encode(numberOf: (node: TreeNode) => number): Uint8Array {
    const layout = new Layout(this.sizeBytes);
    this.#blocks.forEach((entries, block) => {
      const start = block * BLOCK_BYTES;
      let nameAt = entries.length * ENTRY_BYTES;
      entries.forEach(({ name, nameBytes, node }, i) => {
        layout
          .u64le(start + i * ENTRY_BYTES, numberOf(node))
          .u16le(start + i * ENTRY_BYTES + 8, nameAt)
          .u8(start + i * ENTRY_BYTES + 10, entryType[node.type])
          .set(start + nameAt, encodeName(name));
        nameAt += nameBytes;
      });
    });
    return layout.bytes;
  }
}

function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { nameBytes }) => sum + ENTRY_BYTES + nameBytes, 0);
}
