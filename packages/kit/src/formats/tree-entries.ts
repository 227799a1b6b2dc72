import { type EntryHeader, type EntryStream, emptyBody } from '@orlop/archive';
import { type DirectoryNode, sortedChildren, type TreeNode } from '@orlop/disk';

/**
 * A tree as entries, each path once and in the order of names. Files of equal content and metadata become hard
 * links of one, so that a library that several images brought takes its room once, in the archive and in memory.
 */
export async function* treeEntries(root: DirectoryNode): EntryStream {
  const counts = countNames(root);
  const written = new Map<TreeNode | string, string>();
  for (const [name, node] of walk(root, '')) {
    const header = headerOf(name, node);
    if (node.type === 'directory') {
      yield { header, body: emptyBody };
      continue;
    }
    const key = identity(node);
    const linkCount = counts.get(key) ?? 1;
    const first = written.get(key);
    if (first !== undefined) {
      yield { header: { ...header, type: 'hardlink', sizeBytes: 0, linkName: first }, body: emptyBody };
      continue;
    }
    if (linkCount > 1) written.set(key, name);
    yield {
      header: node.type === 'file' ? { ...header, linkCount } : header,
      body: node.type === 'file' && node.sizeBytes > 0 ? node.open() : emptyBody,
    };
  }
}

/** All below a directory, with its path. */
function* walk(directory: DirectoryNode, prefix: string): Generator<readonly [string, TreeNode]> {
  for (const [name, node] of sortedChildren(directory)) {
    const path = `${prefix}${name}`;
    yield [path, node];
    if (node.type === 'directory') yield* walk(node, `${path}/`);
  }
}

/** By identity, how many names what has several of them has. */
function countNames(root: DirectoryNode): ReadonlyMap<TreeNode | string, number> {
  const once = new Set<TreeNode | string>();
  const counts = new Map<TreeNode | string, number>();
  for (const [, node] of walk(root, '')) {
    if (node.type === 'directory') continue;
    const key = identity(node);
    if (once.has(key)) counts.set(key, (counts.get(key) ?? 1) + 1);
    else once.add(key);
  }
  return counts;
}

/** The node itself, or what it has in common with files that can be links of it. */
function identity(node: TreeNode): TreeNode | string {
  if (node.type !== 'file' || node.contentKey === undefined) return node;
  const attributes = [...(node.xattrs ?? [])].map(([key, value]) => [
    key,
    Buffer.from(value).toString('hex'),
  ]);
  return JSON.stringify([node.contentKey, node.mode, node.uid, node.gid, node.mtime, attributes]);
}

function headerOf(name: string, node: TreeNode): EntryHeader {
  const { mode, uid, gid, mtime, xattrs } = node;
  return {
    name,
    type: node.type,
    mode,
    uid,
    gid,
    mtime,
    sizeBytes: node.type === 'file' ? node.sizeBytes : 0,
    ...(xattrs === undefined ? {} : { xattrs }),
    ...(node.type === 'symlink' ? { linkName: node.target } : {}),
    ...(node.type === 'char' || node.type === 'block'
      ? { deviceMajor: node.major, deviceMinor: node.minor }
      : {}),
  };
}
