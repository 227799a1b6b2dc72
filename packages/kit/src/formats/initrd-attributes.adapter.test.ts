import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { decodeName, encodeName } from '@orlop/core';
import { type DirectoryNode, TreeBuilder } from '@orlop/disk';
import { temporaryFolder } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { bytesNode } from './file-nodes.ts';
import { findFile } from './find-node.ts';
import { withAttributesFile } from './initrd-attributes.ts';

const LIST = 'usr/lib/orlop/attributes';
const names = ['bin/ping', 'with space/ü', 'a\\b', 'two\nlines', decodeName(Uint8Array.of(0x6c, 0xe9))];
const bytesOf = (path: string) => Buffer.from(encodeName(path));
const value = (i: number) => Uint8Array.from({ length: i * 7 }, (_, at) => (at * 37 + i) % 256);

function tree(attributed: readonly string[]): DirectoryNode {
  const builder = new TreeBuilder();
  builder.addLeaf('usr/lib/plain', bytesNode('plain'));
  for (const [i, name] of attributed.entries()) {
    builder.addLeaf(name, { ...bytesNode(name), xattrs: new Map([['user.note', value(i)]]) });
  }
  return builder.finish();
}

describe('withAttributesFile', () => {
  it('lists attributes of any name and value as setfattr restores them', async () => {
    const root = withAttributesFile(tree(names));
    const folder = await temporaryFolder('attributes');
    try {
      for (const name of [...names, LIST]) {
        await mkdir(bytesOf(dirname(join(folder.path, name))), { recursive: true });
        const content = findFile(root, name)?.open() ?? [];
        await writeFile(bytesOf(join(folder.path, name)), content);
      }
      execFileSync('setfattr', ['-h', `--restore=${LIST}`], { cwd: folder.path });
      for (const [i, name] of names.entries()) {
        const words = ['-0', 'getfattr', '--only-values', '-n', 'user.note'];
        const shown = execFileSync('xargs', words, { cwd: folder.path, input: bytesOf(`./${name}`) });
        expect([name, [...shown]]).toEqual([name, [...value(i)]]);
      }
    } finally {
      await folder.remove();
    }
  });

  it('keeps what lies beside the list, and a root without attributes as it is', () => {
    expect(findFile(withAttributesFile(tree(names)), 'usr/lib/plain')).toBeDefined();
    const bare = tree([]);
    expect(withAttributesFile(bare)).toBe(bare);
  });
});
