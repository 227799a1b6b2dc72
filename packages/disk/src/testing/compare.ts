import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { DirectoryNode, TreeNode } from '../tree.ts';
import { contentDigest, peer, walkTree } from './peer.ts';

/**
 * Expects the unpacked tree at `folder` to be `root`: names, types, modes, owners, times, links, devices,
 * attributes and contents. @returns the number of nodes compared.
 */
export async function expectSameTree(
  root: DirectoryNode,
  folder: string,
  options: { readonly dumped?: boolean } = {},
): Promise<number> {
  // debugfs's rdump makes files, directories and symlinks, and neither links, attributes nor a link's owner.
  const { dumped = false } = options;
  const firstPath = new Map<TreeNode, string>();
  let count = 0;
  for (const [path, node] of walkTree(root)) {
    if (dumped && node.type !== 'file' && node.type !== 'directory' && node.type !== 'symlink') continue;
    count++;
    const at = join(folder, path);
    const stat = lstatSync(at);
    const isRoot = process.getuid?.() === 0;
    expect([path, typeName(stat)]).toEqual([path, node.type]);
    if (node.type !== 'symlink') expect([path, stat.mode & 0o7777]).toEqual([path, node.mode]);
    if (isRoot && !(dumped && node.type === 'symlink'))
      expect([path, stat.uid, stat.gid]).toEqual([path, node.uid, node.gid]);
    if (!(dumped && node.type !== 'file'))
      expect([path, Math.floor(stat.mtimeMs / 1000)]).toEqual([path, Math.floor(node.mtime)]);
    if (node.type === 'file') {
      expect([path, createHash('sha256').update(readFileSync(at)).digest('hex')]).toEqual([
        path,
        await contentDigest(node),
      ]);
    }
    for (const [name, value] of dumped ? [] : (node.xattrs ?? [])) {
      const shown = `${name}=0x${Buffer.from(value).toString('hex')}`;
      expect(peer('getfattr', '--absolute-names', '-e', 'hex', '-n', name, at).split('\n')).toContain(shown);
    }
    if (node.type === 'symlink') expect(readlinkSync(at)).toBe(node.target);
    if (node.type === 'directory' && !dumped)
      expect(readdirSync(at).sort()).toEqual([...node.children.keys()].sort());
    if (node.type === 'char' || node.type === 'block') {
      expect(peer('stat', '-c', '%Hr,%Lr', at).trim()).toBe(`${node.major},${node.minor}`);
    }
    if (node.type === 'file' && !dumped) {
      const twin = firstPath.get(node);
      if (twin !== undefined) expect(stat.ino).toBe(lstatSync(join(folder, twin)).ino);
      else firstPath.set(node, path);
    }
  }
  return count;
}

function typeName(stat: ReturnType<typeof lstatSync> & object): TreeNode['type'] | 'other' {
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFile()) return 'file';
  if (stat.isCharacterDevice()) return 'char';
  if (stat.isBlockDevice()) return 'block';
  return stat.isFIFO() ? 'fifo' : 'other';
}
