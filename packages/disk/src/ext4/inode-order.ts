import { type Numbering, numberNodes } from '../numbering.ts';
import type { DirectoryNode, TreeNode } from '../tree.ts';
import { LOST_FOUND_INODE, ROOT_INODE } from './constants.ts';

export interface OrderedNode {
  readonly path: string;
  readonly node: TreeNode;
  readonly inode: number;
}

/** Which inode each node of a tree has. */
export interface InodeOrder {
  readonly numbering: Numbering;
  /** Root first, lost+found second, the others as the walk met them. */
  readonly order: readonly OrderedNode[];
  readonly inodes: ReadonlyMap<TreeNode, number>;
  /** By a directory, the inode of the one that holds it; the root has none. */
  readonly parents: ReadonlyMap<TreeNode, number>;
}

/** Numbers the inodes of a tree, to which a lost+found is added where it has none. */
export function orderInodes(tree: DirectoryNode): InodeOrder {
  const numbering = numberNodes(withLostFound(tree));
  const [root, ...others] = numbering.nodes;
  if (root === undefined) throw new Error('bug: a tree without a root');
  const lostFound = others.filter(([path]) => path === 'lost+found');
  const order = [root, ...lostFound, ...others.filter(([path]) => path !== 'lost+found')].map(
    ([path, node], i): OrderedNode => ({
      path,
      node,
      inode: i === 0 ? ROOT_INODE : LOST_FOUND_INODE + i - 1,
    }),
  );
  const parents = new Map<TreeNode, number>();
  for (const { node, inode } of order) {
    if (node.type !== 'directory') continue;
    for (const child of node.children.values()) if (child.type === 'directory') parents.set(child, inode);
  }
  return { numbering, order, inodes: new Map(order.map(({ node, inode }) => [node, inode])), parents };
}

/** e2fsck asks for a lost+found; one that the tree has keeps its metadata. */
function withLostFound(root: DirectoryNode): DirectoryNode {
  if (root.children.get('lost+found')?.type === 'directory') return root;
  const lostFound: DirectoryNode = {
    type: 'directory',
    mode: 0o700,
    uid: 0,
    gid: 0,
    mtime: root.mtime,
    children: new Map(),
  };
  return { ...root, children: new Map([...root.children, ['lost+found', lostFound]]) };
}
