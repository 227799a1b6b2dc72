import type { DirectoryNode, FileNode, TreeNode } from '@orlop/disk';

/** What is at a path below a directory, links not followed; undefined where nothing is. */
export function findNode(root: DirectoryNode, path: string): TreeNode | undefined {
  let node: TreeNode | undefined = root;
  for (const part of path.split('/')) {
    node = node?.type === 'directory' ? node.children.get(part) : undefined;
  }
  return node;
}

/** The file at a path below a directory; undefined where there is none. */
export function findFile(root: DirectoryNode, path: string): FileNode | undefined {
  const node = findNode(root, path);
  return node?.type === 'file' ? node : undefined;
}
