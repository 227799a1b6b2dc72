import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { DirectoryNode, TreeNode } from '../tree.ts';
import { contentDigest, peer, walkTree } from './peer.ts';

/** What a restoring tool leaves out, and so cannot judge. */
export type Unrestored = 'special' | 'hard-links' | 'symlink-metadata' | 'directory-times' | 'xattrs';

/**
 * Expects the unpacked tree at `folder` to be `root`: names, types, modes, owners, times, links, devices,
 * attributes and contents. @returns the number of nodes compared.
 */
export async function expectSameTree(
  root: DirectoryNode,
  folder: string,
  unrestored: readonly Unrestored[] = [],
): Promise<number> {
  const judges = (what: Unrestored) => !unrestored.includes(what);
  const firstPath = new Map<TreeNode, string>();
  let count = 0;
  for (const [path, node] of walkTree(root)) {
    if (!judges('special') && isSpecial(node)) continue;
    count++;
    const at = join(folder, path);
    const stat = lstatSync(at);
    const isRoot = process.getuid?.() === 0;
    const hasMetadata = node.type !== 'symlink' || judges('symlink-metadata');
    expect([path, typeName(stat)]).toEqual([path, node.type]);
    if (node.type !== 'symlink') expect([path, stat.mode & 0o7777]).toEqual([path, node.mode]);
    if (isRoot && hasMetadata) expect([path, stat.uid, stat.gid]).toEqual([path, node.uid, node.gid]);
    if (hasMetadata && (node.type !== 'directory' || judges('directory-times'))) {
      expect([path, Math.floor(stat.mtimeMs / 1000)]).toEqual([path, Math.floor(node.mtime)]);
    }
    for (const [name, value] of judges('xattrs') ? (node.xattrs ?? []) : []) {
      const shown = `${name}=0x${Buffer.from(value).toString('hex')}`;
      expect(peer('getfattr', '--absolute-names', '-e', 'hex', '-n', name, at).split('\n')).toContain(shown);
    }
    if (node.type === 'symlink') expect(readlinkSync(at)).toBe(node.target);
    if (node.type === 'directory') {
      const names = [...node.children]
        .filter(([, child]) => judges('special') || !isSpecial(child))
        .map(([name]) => name);
      expect(readdirSync(at).sort()).toEqual(names.sort());
    }
    if (node.type === 'char' || node.type === 'block') {
      expect(peer('stat', '-c', '%Hr,%Lr', at).trim()).toBe(`${node.major},${node.minor}`);
    }
    if (node.type !== 'file') continue;
    const digest = createHash('sha256').update(readFileSync(at)).digest('hex');
    expect([path, digest]).toEqual([path, await contentDigest(node)]);
    const twin = firstPath.get(node);
    if (twin === undefined) firstPath.set(node, path);
    else if (judges('hard-links'))
      expect([path, stat.ino]).toEqual([path, lstatSync(join(folder, twin)).ino]);
  }
  return count;
}

function isSpecial(node: TreeNode): boolean {
  return node.type === 'char' || node.type === 'block' || node.type === 'fifo';
}

function typeName(stat: ReturnType<typeof lstatSync> & object): TreeNode['type'] | 'other' {
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFile()) return 'file';
  if (stat.isCharacterDevice()) return 'char';
  if (stat.isBlockDevice()) return 'block';
  return stat.isFIFO() ? 'fifo' : 'other';
}
