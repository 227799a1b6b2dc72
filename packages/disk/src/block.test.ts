import { seededRandom } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { ExtentMap, MemoryDisk, sliceSink } from './block.ts';

describe('ExtentMap', () => {
  it('joins what overlaps or touches, in any order (against a bitmap)', () => {
    const random = seededRandom(7);
    for (let round = 0; round < 200; round++) {
      const map = new ExtentMap();
      const bitmap = new Uint8Array(64);
      for (let i = 0; i < 12; i++) {
        const offset = random.u32() % 60;
        const length = random.u32() % Math.min(8, 64 - offset);
        map.add(offset, length);
        bitmap.fill(1, offset, offset + length);
      }
      const expected: { offset: number; length: number }[] = [];
      for (let i = 0; i < 64; i++) {
        if (!bitmap[i]) continue;
        const offset = i;
        while (i < 64 && bitmap[i]) i++;
        expected.push({ offset, length: i - offset });
      }
      expect(map.toArray()).toEqual(expected);
    }
  });
});

describe('sliceSink', () => {
  it('puts what is written where the slice lies', async () => {
    const disk = new MemoryDisk();
    await disk.truncate(100);
    await sliceSink(disk, 10, 50).write(2, Uint8Array.of(1, 2));
    expect(disk.extents).toEqual([{ offset: 12, length: 2 }]);
    const into = new Uint8Array(3);
    await disk.read(11, into);
    expect([...into]).toEqual([0, 1, 2]);
  });
});
