import { type DirectoryNode, sortedChildren, type TreeNode } from './tree.ts';

/** A tree's inodes in the order in which a walk by name meets them, the root first. */
export interface Numbering {
  /** Index of each node, from 0; a node in several places has one. */
  readonly indexes: ReadonlyMap<TreeNode, number>;
  /** Each node once, with its first path (`''` is the root), in order. */
  readonly nodes: readonly (readonly [path: string, node: TreeNode])[];
  /** How many names each node has. */
  readonly names: ReadonlyMap<TreeNode, number>;
}

/** Walks a tree, the root first, children in the order of their names; a node of several names counts once. */
export function numberNodes(root: DirectoryNode): Numbering {
  const indexes = new Map<TreeNode, number>();
  const names = new Map<TreeNode, number>();
  const nodes: [string, TreeNode][] = [];
  const walk = (path: string, node: TreeNode) => {
    names.set(node, (names.get(node) ?? 0) + 1);
    if (indexes.has(node)) return;
    indexes.set(node, nodes.length);
    nodes.push([path, node]);
    if (node.type === 'directory')
      for (const [name, child] of sortedChildren(node)) walk(joinPath(path, name), child);
  };
  walk('', root);
  return { indexes, nodes, names };
}

/** The path of a child; that of the root is empty. */
export function joinPath(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}
