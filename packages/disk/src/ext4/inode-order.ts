import type { ContentFile } from '../content-visit.ts';
import { Numbering } from '../numbering.ts';
import type { DirectoryNode, FileNode, TreeNode } from '../tree.ts';
import { LOST_FOUND_INODE, ROOT_INODE } from './constants.ts';

const LOST_FOUND = 'lost+found';

/** A file with content, and where it stands in the order. */
export class OrderedFile implements ContentFile {
  readonly position: number;
  readonly node: FileNode;
  readonly #inodes: InodeOrder;

  constructor(inodes: InodeOrder, position: number, node: FileNode) {
    this.#inodes = inodes;
    this.position = position;
    this.node = node;
  }

  get path(): string {
    return this.#inodes.pathAt(this.position);
  }
}

/**
 * Which inode each node of a tree has: root first, lost+found second, the others as a walk by name meets them. A tree
 * that has no lost+found gets one.
 */
export class InodeOrder {
  readonly #numbering: Numbering;
  readonly #lostFound: number;

  constructor(tree: DirectoryNode) {
    const root = withLostFound(tree);
    this.#numbering = new Numbering(root);
    this.#lostFound = this.#numbering.indexOf(root.children.get(LOST_FOUND) as TreeNode);
  }

  get length(): number {
    return this.#numbering.nodes.length;
  }

  nodeAt(position: number): TreeNode {
    return this.#numbering.nodes[this.#indexAt(position)] as TreeNode;
  }

  inodeAt(position: number): number {
    return position === 0 ? ROOT_INODE : LOST_FOUND_INODE + position - 1;
  }

  inodeOf(node: TreeNode): number {
    return this.inodeAt(this.#positionOf(this.#numbering.indexOf(node)));
  }

  /** The inode of the directory that holds a node; the root holds itself. */
  parentInode(position: number): number {
    return this.inodeAt(this.#positionOf(this.#numbering.parentOf(this.#indexAt(position))));
  }

  /** How many names a node has. */
  namesOf(node: TreeNode): number {
    return this.#numbering.namesOf(node);
  }

  /** For messages only: it is looked for. */
  pathAt(position: number): string {
    return this.#numbering.pathOf(this.#indexAt(position));
  }

  /** In their order. */
  *filesWithContent(): Generator<OrderedFile> {
    for (let position = 0; position < this.length; position++) {
      const node = this.nodeAt(position);
      if (node.type === 'file' && node.sizeBytes > 0) yield new OrderedFile(this, position, node);
    }
  }

  #indexAt(position: number): number {
    if (position === 0) return 0;
    if (position === 1) return this.#lostFound;
    return position <= this.#lostFound ? position - 1 : position;
  }

  #positionOf(index: number): number {
    if (index === 0) return 0;
    if (index === this.#lostFound) return 1;
    return index < this.#lostFound ? index + 1 : index;
  }
}

/** e2fsck asks for a lost+found; one that the tree has keeps its metadata. */
function withLostFound(root: DirectoryNode): DirectoryNode {
  if (root.children.get(LOST_FOUND)?.type === 'directory') return root;
  const lostFound: DirectoryNode = {
    type: 'directory',
    mode: 0o700,
    uid: 0,
    gid: 0,
    mtime: root.mtime,
    children: new Map(),
  };
  return { ...root, children: new Map([...root.children, [LOST_FOUND, lostFound]]) };
}
