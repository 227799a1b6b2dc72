/**
 * What a synchronised folder holds, on one side or as both were last agreed on. Names are valid UTF-8; modes are the nine
 * permission bits.
 */
export type SyncNode = SyncFile | SyncLink | SyncFolder | SyncUnknown;

export interface SyncFile {
  readonly kind: 'file';
  readonly mode: number;
  /** SHA-256, hexadecimal. */
  readonly digest: string;
  readonly sizeBytes: number;
  /** What tells that the file is as it was (inode, size, times): on one side; in an agreed tree the host's and the machine's, a space between. */
  readonly hint?: string;
}

export interface SyncLink {
  readonly kind: 'link';
  readonly target: string;
  readonly hint?: string;
}

export interface SyncFolder {
  readonly kind: 'folder';
  readonly mode: number;
  readonly children: Map<string, SyncNode>;
  /** It holds something that is excluded, so it cannot be removed. @default false */
  readonly opaque?: boolean;
}

/**
 * Something is there, and what cannot be told or is not kept in step: a device or a socket, what cannot be read, what lies on
 * another file system. Nothing is done with the name on either side.
 */
export interface SyncUnknown {
  readonly kind: 'unknown';
}

export function emptyFolder(mode = 0o755): SyncFolder {
  return { kind: 'folder', mode, children: new Map() };
}

/** Whether two leaves hold the same, whatever their modes; folders and what is not there never do. */
export function sameContent(one: SyncNode | undefined, other: SyncNode | undefined): boolean {
  if (one?.kind === 'file') return other?.kind === 'file' && one.digest === other.digest;
  if (one?.kind === 'link') return other?.kind === 'link' && one.target === other.target;
  return false;
}

export function modeOf(node: SyncNode | undefined): number | undefined {
  return node?.kind === 'file' || node?.kind === 'folder' ? node.mode : undefined;
}

/** The last name of a path (`b` of `a/b`). */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The path above (`a` of `a/b`; empty: the root). */
export function above(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** The node at a path (`a/b`; empty: the root). */
export function nodeAt(root: SyncFolder, path: string): SyncNode | undefined {
  let at: SyncNode | undefined = root;
  if (path === '') return at;
  for (const name of path.split('/')) at = at?.kind === 'folder' ? at.children.get(name) : undefined;
  return at;
}

/** Puts a node at a path, or takes it away. Nothing happens where the folder above is none. @returns whether it could */
export function setNode(root: SyncFolder, path: string, node: SyncNode | undefined): boolean {
  const folder = nodeAt(root, above(path));
  if (path === '' || folder?.kind !== 'folder') return false;
  const name = nameOf(path);
  if (node === undefined) folder.children.delete(name);
  else folder.children.set(name, node);
  return true;
}

/** Every path below the root with its node, folders before what is in them. */
export function* walkTree(root: SyncFolder, above = ''): Generator<readonly [string, SyncNode]> {
  for (const [name, node] of root.children) {
    const path = above === '' ? name : `${above}/${name}`;
    yield [path, node];
    if (node.kind === 'folder') yield* walkTree(node, path);
  }
}

export function countNodes(root: SyncFolder): number {
  let count = 0;
  for (const _ of walkTree(root)) count++;
  return count;
}
