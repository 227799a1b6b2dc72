import { describe, expect, it } from 'vitest';
import { Numbering } from './numbering.ts';
import { type LeafNode, TreeBuilder } from './tree.ts';

const metadata = { mode: 0o644, uid: 0, gid: 0, mtime: 0 };

describe('Numbering', () => {
  it('numbers a node of several names once, by its first name in order, and knows their paths', () => {
    const builder = new TreeBuilder();
    const leaf = (): LeafNode => ({ ...metadata, type: 'fifo' });
    builder.addLeaf('b/two', leaf());
    builder.addLeaf('a/z', leaf());
    builder.addHardLink('b/one', 'a/z');
    builder.addHardLink('a/y', 'a/z');
    const numbering = new Numbering(builder.finish());
    expect(numbering.nodes.map((_, index) => numbering.pathOf(index))).toEqual([
      '',
      'a',
      'a/y',
      'b',
      'b/two',
    ]);
    const several = builder.find('b/one');
    if (several === undefined) throw new Error('the tree lacks b/one');
    expect(numbering.indexOf(several)).toBe(2);
    expect(numbering.namesOf(several)).toBe(3);
    expect(numbering.parentOf(4)).toBe(3);
  });
});
