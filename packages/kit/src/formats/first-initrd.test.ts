import type { ArchiveEntry } from '@orlop/archive';
import { TreeBuilder } from '@orlop/disk';
import { describe, expect, it } from 'vitest';
import { bytesNode } from './file-nodes.ts';
import { firstInitrd } from './first-initrd.ts';

const FOLDER = 'lib/modules/6.12';

/** What the initrd has of a root with these modules and this table of what needs what. */
async function namesOf(modules: readonly string[], table: string): Promise<string[]> {
  const builder = new TreeBuilder({ mode: 0o755, uid: 0, gid: 0, mtime: 0 });
  builder.addLeaf(`${FOLDER}/modules.dep`, bytesNode(table));
  for (const name of modules) builder.addLeaf(`${FOLDER}/${name}`, bytesNode('module'));
  const names: string[] = [];
  const none = (async function* (): AsyncGenerator<ArchiveEntry> {})();
  for await (const { header } of firstInitrd(none, builder.finish()))
    if (header.name.endsWith('.ko')) names.push(header.name.slice(FOLDER.length + 1));
  return names;
}

describe('firstInitrd', () => {
  it('has the modules of a root with what they need, needed ones first', async () => {
    const table = 'a.ko: c.ko b.ko\noverlay.ko: a.ko\nb.ko:\nc.ko: b.ko\nother.ko:\n';
    const modules = ['a.ko', 'b.ko', 'c.ko', 'overlay.ko', 'other.ko'];
    expect(await namesOf(modules, table)).toEqual(['b.ko', 'c.ko', 'a.ko', 'overlay.ko']);
  });

  it('refuses a kernel whose modules need each other in a ring', async () => {
    const table = 'overlay.ko: a.ko\na.ko: overlay.ko\n';
    await expect(namesOf(['overlay.ko', 'a.ko'], table)).rejects.toMatchObject({
      code: 'kit.invalid-image',
      message: expect.stringContaining('ring'),
    });
  });
});
