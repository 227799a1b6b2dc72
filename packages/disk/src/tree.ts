import { detachName, encodeName, hasRawBytes } from '@orlop/core';
import { compareBytes } from './bytes.ts';
import { diskError } from './errors.ts';

/** What every node has: the inode's metadata. */
export interface NodeMetadata {
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970, possibly fractional. */
  readonly mtime: number;
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
}

export interface DirectoryNode extends NodeMetadata {
  readonly type: 'directory';
  readonly children: ReadonlyMap<string, TreeNode>;
}

export interface FileNode extends NodeMetadata {
  readonly type: 'file';
  readonly sizeBytes: number;
  /** Files with the same key have the same content, so a writer that can share blocks stores it once. */
  readonly contentKey?: string | undefined;
  /** The content, exactly `sizeBytes`; may be asked for more than once. Each chunk is the reader's to keep. */
  open(): AsyncIterable<Uint8Array>;
  /** Where the same content can be read from without a stream, if it can. */
  readonly stored?: StoredContent;
}

/** Bytes that can be read from any place. */
export interface ContentStore {
  /** Fills `into` with the bytes at `offset`. Fails where there are fewer. */
  read(offset: number, into: Uint8Array): Promise<void>;
}

/** A content that lies in one piece in a store. */
export interface StoredContent {
  readonly store: ContentStore;
  readonly offset: number;
}

export interface SymlinkNode extends NodeMetadata {
  readonly type: 'symlink';
  readonly target: string;
}

export interface DeviceNode extends NodeMetadata {
  readonly type: 'char' | 'block';
  readonly major: number;
  readonly minor: number;
}

export interface FifoNode extends NodeMetadata {
  readonly type: 'fifo';
}

/**
 * What a file system is written from. The same object in two places is a hard link; directories occur once.
 */
export type TreeNode = DirectoryNode | FileNode | SymlinkNode | DeviceNode | FifoNode;
export type LeafNode = Exclude<TreeNode, DirectoryNode>;

/** Metadata of a directory that nobody described: a parent that the entries only imply. */
const impliedDirectory: NodeMetadata = { mode: 0o755, uid: 0, gid: 0, mtime: 0 };

interface GrowingDirectory extends NodeMetadata {
  type: 'directory';
  children: Map<string, TreeNode>;
}

/**
 * Builds a tree out of entries in any order. Later entries replace earlier ones; a directory over a directory
 * changes its metadata and keeps its children.
 */
export class TreeBuilder {
  #root: GrowingDirectory;

  constructor(root: NodeMetadata = impliedDirectory) {
    this.#root = { ...root, type: 'directory', children: new Map() };
  }

  /** @param path relative, `/`-separated; `''` is the root. */
  addDirectory(path: string, metadata: NodeMetadata): void {
    if (path === '') {
      this.#root = { ...metadata, type: 'directory', children: this.#root.children };
      return;
    }
    const { parent, name } = this.#locate(path);
    const old = parent.children.get(name);
    const children =
      old?.type === 'directory' ? (old as GrowingDirectory).children : new Map<string, TreeNode>();
    parent.children.set(name, { ...metadata, type: 'directory', children });
  }

  addLeaf(path: string, node: LeafNode): void {
    const { parent, name } = this.#locate(path);
    parent.children.set(name, node);
  }

  /** @throws OrlopError when `target` is not there, or a directory. */
  addHardLink(path: string, target: string): void {
    const node = this.find(target);
    if (node === undefined || node.type === 'directory') {
      throw diskError(
        'disk.unsupported-node',
        `hard link "${path}" to "${target}", which is ${node === undefined ? 'not there' : 'a directory'}`,
      );
    }
    this.addLeaf(path, node);
  }

  find(path: string): TreeNode | undefined {
    let node: TreeNode = this.#root;
    for (const part of path.split('/')) {
      if (part === '') continue;
      const next: TreeNode | undefined = node.type === 'directory' ? node.children.get(part) : undefined;
      if (next === undefined) return undefined;
      node = next;
    }
    return node;
  }

  finish(): DirectoryNode {
    return this.#root;
  }

  #locate(path: string): { parent: GrowingDirectory; name: string } {
    const parts = path.split('/').filter((part) => part !== '');
    const name = parts.pop();
    if (name === undefined || name === '.' || name === '..' || parts.includes('..') || path.includes('\0')) {
      throw diskError('disk.bad-name', `"${path}" is no path inside an image`);
    }
    let parent = this.#root;
    for (const part of parts) {
      let next = parent.children.get(part);
      if (next?.type !== 'directory') {
        next = { ...impliedDirectory, type: 'directory', children: new Map() };
        parent.children.set(detachName(part), next);
      }
      parent = next as GrowingDirectory;
    }
    return { parent, name: detachName(name) };
  }
}

/** A directory's children in the order of their names' UTF-8 bytes: the order every writer uses. */
export function sortedChildren(directory: DirectoryNode): [string, TreeNode][] {
  return [...directory.children].sort((a, b) => compareUtf8(a[0], b[0]));
}

/** Names by their bytes. UTF-8 orders as code points do; UTF-16 does not where surrogates meet the end of the BMP. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) {
      const xSurrogate = x >= 0xd800 && x <= 0xdfff;
      const ySurrogate = y >= 0xd800 && y <= 0xdfff;
      if ((xSurrogate || ySurrogate) && (hasRawBytes(a) || hasRawBytes(b)))
        return compareBytes(encodeName(a), encodeName(b));
      return xSurrogate === ySurrogate ? x - y : xSurrogate ? 1 : -1;
    }
  }
  return a.length - b.length;
}
