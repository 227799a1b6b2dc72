import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { MemoryDisk } from '../block.ts';
import type { DirectoryNode, TreeNode } from '../tree.ts';

/** Runs a judging tool and gives what it printed; its failure fails the test with that text. */
export function peer(command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 64 << 20,
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed: ${stdout ?? ''}${stderr ?? ''}`, { cause: error });
  }
}

export function saveDisk(disk: MemoryDisk, path: string): string {
  writeFileSync(path, disk.bytes);
  return path;
}

export async function contentDigest(node: TreeNode & { type: 'file' }): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of node.open()) hash.update(chunk);
  return hash.digest('hex');
}

/** Every node below `root` with its path, parents first. */
export function* walkTree(root: DirectoryNode, path = ''): Generator<[string, TreeNode]> {
  for (const [name, node] of root.children) {
    const own = path === '' ? name : `${path}/${name}`;
    yield [own, node];
    if (node.type === 'directory') yield* walkTree(node, own);
  }
}
