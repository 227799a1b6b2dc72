import type { EntryHeader, EntryType } from '@orlop/archive';
import { OrlopError } from '@orlop/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LayerTree } from './layer-tree.ts';

/** Few names, so that random layers meet. */
const part = fc.constantFrom('a', 'b', 'c', '.wh.a', '.wh.b', '.wh..wh..opq');
const name = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const member = fc.record({
  name,
  type: fc.constantFrom<EntryType>('file', 'file', 'directory', 'directory', 'symlink', 'hardlink', 'char'),
  linkName: fc.oneof(name, fc.constantFrom('/', '..', '../..', '/a/../../b', '.')),
});
const layers = fc.array(fc.array(member, { maxLength: 8 }), { maxLength: 4 });

function header(written: { name: string; type: EntryType; linkName: string }): EntryHeader {
  const { linkName, ...rest } = written;
  const isLink = rest.type === 'symlink' || rest.type === 'hardlink';
  return { ...rest, ...(isLink && { linkName }), mode: 0o644, uid: 0, gid: 0, mtime: 0, sizeBytes: 0 };
}

/** The slow and plain way: names to members, for layers of files and directories alone. */
function plainModel(input: readonly (readonly EntryHeader[])[]): string[] {
  let lower = new Set<string>();
  for (const layer of input) {
    const hidden = (path: string) =>
      layer.some(({ name }) => {
        const slash = name.lastIndexOf('/');
        const folder = name.slice(0, slash + 1);
        const base = name.slice(slash + 1);
        if (base === '.wh..wh..opq') return path.startsWith(folder);
        if (!base.startsWith('.wh.')) return false;
        const victim = folder + base.slice(4);
        return path === victim || path.startsWith(`${victim}/`);
      });
    const upper = new Set([...lower].filter((path) => !hidden(path)));
    for (const { name, type } of layer) {
      if (name.includes('.wh.')) continue;
      for (let slash = name.indexOf('/'); slash !== -1; slash = name.indexOf('/', slash + 1))
        upper.add(name.slice(0, slash));
      if (type !== 'directory') for (const path of upper) if (path.startsWith(`${name}/`)) upper.delete(path);
      upper.add(name);
    }
    // A parent that only a hidden name had stays while something is below it.
    for (const path of [...upper])
      for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1))
        upper.add(path.slice(0, slash));
    lower = upper;
  }
  return [...lower].sort();
}

function build(input: readonly (readonly EntryHeader[])[]): LayerTree {
  const tree = new LayerTree(1);
  for (const [layer, headers] of input.entries()) {
    for (const [index, entry] of headers.entries()) tree.add(entry, { layer, member: index });
    tree.endLayer();
  }
  return tree;
}

/** Every name, those of one file together. */
function pathsOf(tree: LayerTree): string[] {
  const files = tree.finish();
  return [...files.inTreeOrder()].flatMap((file) => [
    files.header(file).name,
    ...files.otherNames(file).map((name) => files.path(name)),
  ]);
}

describe('LayerTree', () => {
  it('gives each name once, parents first, and throws nothing but an OrlopError', () => {
    fc.assert(
      fc.property(layers, (random) => {
        let paths: string[];
        try {
          paths = pathsOf(build(random.map((layer) => layer.map(header))));
        } catch (error) {
          expect(error).toBeInstanceOf(OrlopError);
          return;
        }
        expect(new Set(paths).size).toBe(paths.length);
        for (const path of paths) {
          expect(path).not.toMatch(/(^|\/)(\.wh\.|\.\.?(\/|$))/);
          const slash = path.lastIndexOf('/');
          if (slash !== -1) expect(paths).toContain(path.slice(0, slash));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('agrees with the plain way on layers of files and directories', () => {
    const leaf = fc.constantFrom('a', 'b', 'c', '.wh.a', '.wh.b', '.wh..wh..opq');
    const folder = fc.constantFrom('', 'x/', 'y/', 'x/z/');
    const simple = fc
      .tuple(folder, leaf, fc.constantFrom<EntryType>('file', 'directory'))
      .map(([above, base, type]) =>
        // Directories and files have names of their own here: what replaces what is told by the cases above.
        header({
          name: above + (type === 'directory' && !base.startsWith('.') ? `d${base}` : base),
          type,
          linkName: '',
        }),
      );
    fc.assert(
      fc.property(fc.array(fc.array(simple, { maxLength: 6 }), { maxLength: 4 }), (random) => {
        expect(pathsOf(build(random)).sort()).toEqual(plainModel(random));
      }),
      { numRuns: 3000 },
    );
  });

  it('is not slow on a layer that whites out the same again and again', () => {
    const tree = new LayerTree(1);
    const many = 20_000;
    for (let i = 0; i < many; i++)
      tree.add(header({ name: `d/${i}`, type: 'file', linkName: '' }), { layer: 0, member: i });
    tree.endLayer();
    tree.add(header({ name: 'd/kept', type: 'file', linkName: '' }), { layer: 1, member: 0 });
    for (let i = 0; i < many; i++)
      tree.add(header({ name: 'd/.wh..wh..opq', type: 'file', linkName: '' }), { layer: 1, member: i + 1 });
    tree.endLayer();
    expect(pathsOf(tree)).toEqual(['d', 'd/kept']);
  });
});
