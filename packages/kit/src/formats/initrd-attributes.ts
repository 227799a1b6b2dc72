import { encodeName } from '@orlop/core';
import { type DirectoryNode, sortedChildren, type TreeNode } from '@orlop/disk';
import { GENERATED_MTIME } from '../compose/entries.ts';
import { bytesNode } from './file-nodes.ts';

/** Where the guest's first program looks (pkg/init/files/init). */
const ATTRIBUTES_FILE = 'usr/lib/orlop/attributes';

/**
 * The same root with a file that lists its extended attributes, among them file capabilities: the cpio archive of an
 * initial RAM disk has no place for them (buffer-format.rst). `setfattr --restore` reads it in the guest. A root
 * without attributes stays as it is.
 */
export function withAttributesFile(root: DirectoryNode): DirectoryNode {
  const text = [...dump('.', root)].join('');
  return text === '' ? root : withFile(root, ATTRIBUTES_FILE.split('/'), encodeName(text));
}

/** As `getfattr --dump --encoding=hex` prints it. */
function* dump(path: string, node: TreeNode): Generator<string> {
  if (node.xattrs !== undefined && node.xattrs.size > 0) {
    const lines = [...node.xattrs].map(
      ([name, value]) => `${quoted(name, /[\\=\n\r]/g)}=0x${Buffer.from(value).toString('hex')}\n`,
    );
    yield `# file: ${quoted(path, /[\\\n\r]/g)}\n${lines.join('')}\n`;
  }
  if (node.type !== 'directory') return;
  for (const [name, child] of sortedChildren(node)) yield* dump(`${path}/${name}`, child);
}

/** attr's misc/quote.c: a backslash and three octal digits. */
function quoted(text: string, special: RegExp): string {
  return text.replaceAll(special, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

function withFile(directory: DirectoryNode, path: readonly string[], text: Uint8Array): DirectoryNode {
  const [name = '', ...rest] = path;
  const old = directory.children.get(name);
  const inner = old?.type === 'directory' ? old : emptyDirectory;
  const child = rest.length === 0 ? bytesNode(text) : withFile(inner, rest, text);
  return { ...directory, children: new Map([...directory.children, [name, child]]) };
}

const emptyDirectory: DirectoryNode = {
  type: 'directory',
  ...{ mode: 0o755, uid: 0, gid: 0, mtime: GENERATED_MTIME },
  children: new Map(),
};
