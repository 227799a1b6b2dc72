import { seededRandom } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { ExtentMap, MemoryDisk, sliceSink, sliceSource } from './block.ts';

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

describe('sliceSource', () => {
  it('cuts and moves extents, and reads through', async () => {
    const disk = new MemoryDisk();
    await disk.truncate(100);
    await sliceSink(disk, 10, 50).write(0, Uint8Array.of(1, 2, 3, 4));
    const slice = sliceSource(disk, 12, 20);
    expect(slice.extents).toEqual([{ offset: 0, length: 2 }]);
    const into = new Uint8Array(3);
    await slice.read(1, into);
    expect([...into]).toEqual([4, 0, 0]);
  });
});
