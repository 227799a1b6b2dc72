import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NameTree, NO_NODE } from './name-tree.ts';

/** The plain way: a map of maps. */
class PlainTree {
  readonly children = new Map<string, PlainTree>();

  paths(above = ''): string[] {
    return [...this.children].flatMap(([name, child]) => [above + name, ...child.paths(`${above}${name}/`)]);
  }
}

function pathsOf(tree: NameTree): string[] {
  return [...tree.walk()].map((node) => tree.path(node));
}

describe('NameTree', () => {
  it('is what maps within maps are, whatever is added and removed', () => {
    const name = fc.oneof(fc.constantFrom('a', 'b', 'ab', ''), fc.string({ unit: 'binary', maxLength: 3 }));
    const step = fc.record({ above: fc.nat(), name, removes: fc.integer({ min: 0, max: 3 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer(), (steps, seed) => {
        const tree = new NameTree(seed);
        const plain = new PlainTree();
        for (const { above, name, removes } of steps) {
          const nodes = [tree.root, ...tree.walk()];
          const parent = nodes[above % nodes.length] as number;
          let same = plain;
          const path: number[] = [];
          for (let at = parent; at !== tree.root; at = tree.parent(at)) path.unshift(at);
          for (const node of path) same = same.children.get(tree.name(node)) as PlainTree;
          const known = tree.child(parent, name);
          expect(known !== NO_NODE).toBe(same.children.has(name));
          if (known !== NO_NODE && removes === 0) {
            tree.remove(known);
            same.children.delete(name);
          } else if (known === NO_NODE) {
            expect(tree.child(parent, name)).toBe(NO_NODE);
            const node = tree.add(parent, name);
            expect(tree.child(parent, name)).toBe(node);
            same.children.set(name, new PlainTree());
          }
        }
        expect(pathsOf(tree)).toEqual(plain.paths());
      }),
      { numRuns: 500 },
    );
  });

  it('finds each of many names, those of many units too, after the removal of others', () => {
    const tree = new NameTree(7);
    const names = Array.from({ length: 20_000 }, (_, i) => `${i}`);
    names.push('x'.repeat(100_000), 'größe\udc80', 'y'.repeat(1 << 20));
    const nodes = names.map((name) => tree.add(tree.root, name));
    for (const [i, node] of nodes.entries()) if (i % 3 === 0) tree.remove(node);
    for (const [i, name] of names.entries())
      expect(tree.child(tree.root, name)).toBe(i % 3 === 0 ? NO_NODE : nodes[i]);
    expect(pathsOf(tree)).toEqual(names.filter((_, i) => i % 3 !== 0));
  });
});
