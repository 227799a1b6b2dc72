import { type DirectoryNode, sortedChildren, type TreeNode } from './tree.ts';

/**
 * A tree's inodes in the order in which a walk by name meets them, the root first; a node of several names counts once.
 * There can be hundreds of thousands, so paths, which only messages want, are not kept.
 */
export class Numbering {
  /** Each node once, in order. */
  readonly nodes: readonly TreeNode[];
  readonly #indexes = new Map<TreeNode, number>();
  /** By index, that of the directory in which the walk met it; the root is in itself. */
  readonly #parents: number[] = [];
  /** Of nodes that have several. */
  readonly #names = new Map<TreeNode, number>();

  constructor(root: DirectoryNode) {
    const nodes: TreeNode[] = [];
    const walk = (node: TreeNode, parent: number) => {
      if (this.#indexes.has(node)) {
        this.#names.set(node, this.namesOf(node) + 1);
        return;
      }
      const index = nodes.push(node) - 1;
      this.#indexes.set(node, index);
      this.#parents.push(parent);
      if (node.type === 'directory') for (const [, child] of sortedChildren(node)) walk(child, index);
    };
    walk(root, 0);
    this.nodes = nodes;
  }

  /** From 0. @param node of this tree */
  indexOf(node: TreeNode): number {
    const index = this.#indexes.get(node);
    if (index === undefined) throw new Error('bug: a node of another tree');
    return index;
  }

  /** How many names a node has. */
  namesOf(node: TreeNode): number {
    return this.#names.get(node) ?? 1;
  }

  /** Index of the directory that holds a node; the root holds itself. */
  parentOf(index: number): number {
    return this.#parents[index] ?? 0;
  }

  /** The first path of a node, `''` for the root: looked for anew, so for messages only. */
  pathOf(index: number): string {
    if (index === 0) return '';
    const parent = this.parentOf(index);
    const siblings = sortedChildren(this.nodes[parent] as DirectoryNode);
    const [name = ''] = siblings.find(([, child]) => child === this.nodes[index]) ?? [];
    return joinPath(this.pathOf(parent), name);
  }
}

/** How many links a directory has: its name, its `.`, and the `..` of each directory in it. */
export function directoryLinks(directory: DirectoryNode): number {
  let links = 2;
  for (const child of directory.children.values()) if (child.type === 'directory') links++;
  return links;
}

/** The path of a child; that of the root is empty. */
export function joinPath(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}
