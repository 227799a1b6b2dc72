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

  it('refuses a table of needs that is larger than any', async () => {
    await expect(namesOf([], `${'#'.repeat(8 * 2 ** 20)}\n`)).rejects.toMatchObject({
      code: 'kit.invalid-image',
      message: `${FOLDER}/modules.dep is 8388609 bytes, and none has over 8388608`,
    });
  });

  it('refuses modules that need each other in a chain without end', async () => {
    const names = ['overlay.ko', ...Array.from({ length: 20_000 }, (_, n) => `m${n}.ko`)];
    const table = names.map((name, n) => `${name}: ${names[n + 1] ?? ''}\n`).join('');
    await expect(namesOf(names, table)).rejects.toMatchObject({
      code: 'kit.invalid-image',
      message: expect.stringMatching(
        /^modules\.dep of the kernel leads from overlay\.ko over more than 100 needs/,
      ),
    });
  });
});
