import { type EntryHeader, type EntryStream, emptyBody } from '@orlop/archive';
import { type DirectoryNode, sortedChildren, type TreeNode } from '@orlop/disk';

/**
 * A tree as entries, each path once and in the order of names. Files of equal content and metadata become hard
 * links of one, so that a library that several images brought takes its room once, in the archive and in memory.
 */
export async function* treeEntries(root: DirectoryNode): EntryStream {
  const shared = sharedFiles(root);
  for (const [name, node] of walk(root, '')) {
    const header = headerOf(name, node);
    const file = shared.get(node);
    if (file?.writtenAs !== undefined) {
      const link = { ...header, type: 'hardlink', sizeBytes: 0, linkName: file.writtenAs } as const;
      yield { header: link, body: emptyBody };
      continue;
    }
    if (file !== undefined) file.writtenAs = name;
    yield {
      header: node.type === 'file' ? { ...header, linkCount: file?.names ?? 1 } : header,
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

/** What has several names. */
interface SharedFile {
  names: number;
  /** The first of its names, once it has been written. */
  writtenAs: string | undefined;
}

/** The nodes that are one file under several names, each with what it shares with the others. */
function sharedFiles(root: DirectoryNode): ReadonlyMap<TreeNode, SharedFile> {
  const firstOf = new Map<TreeNode | string, TreeNode>();
  const shared = new Map<TreeNode, SharedFile>();
  for (const [, node] of walk(root, '')) {
    if (node.type === 'directory') continue;
    const key = identity(node);
    const first = firstOf.get(key);
    if (first === undefined) {
      firstOf.set(key, node);
      continue;
    }
    const file = shared.get(first) ?? { names: 1, writtenAs: undefined };
    file.names++;
    shared.set(first, file).set(node, file);
  }
  return shared;
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
