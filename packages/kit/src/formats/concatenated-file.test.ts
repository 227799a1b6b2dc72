import { describe, expect, it } from 'vitest';
import { concatenatedFile } from './concatenated-file.ts';
import { bytesNode, fileNode } from './file-nodes.ts';

const parts = [
  { at: 0, content: bytesNode('begin') },
  { at: 8, content: bytesNode('') },
  { at: 8, content: bytesNode('middle') },
  { at: 14, content: bytesNode('end') },
];
const whole = 'begin\0\0\0middleend\0\0\0';

describe('concatenatedFile', () => {
  it('streams its parts with zeros between them and behind', async () => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of concatenatedFile(whole.length, parts).open()) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe(whole);
  });

  it('gives the same bytes from every place in every length', async () => {
    const { stored } = concatenatedFile(whole.length, parts);
    for (let from = 0; from < whole.length; from++)
      for (let to = from; to <= whole.length; to++) {
        const into = Buffer.alloc(to - from, 'x');
        await stored?.store.read(stored.offset + from, into);
        expect(into.toString()).toBe(whole.slice(from, to));
      }
  });

  it('can only be streamed when a part of it can only be streamed', () => {
    const streamed = { at: 17, content: fileNode(3, async function* () {}) };
    expect(concatenatedFile(20, [...parts, streamed]).stored).toBeUndefined();
  });
});
