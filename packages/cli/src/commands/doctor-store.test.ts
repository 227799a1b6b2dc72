import { describe, expect, it } from 'vitest';
import { judgeStore } from './doctor-store.ts';

describe('judgeStore', () => {
  it('says what images of earlier states of components hold, and how to be rid of them once it is much', () => {
    const images = ['a', 'b'];
    expect(judgeStore({ images: [], sizeBytes: 0, storeBytes: 3e9 })).toEqual({
      status: 'ok',
      detail: '3.0 GB in the store',
    });
    const held = (sizeBytes: number) => judgeStore({ images, sizeBytes, storeBytes: 3e9 });
    expect(held(499_999_999)).toMatchObject({ status: 'ok', detail: expect.stringContaining('2 images') });
    expect(held(1.6e9)).toEqual({
      status: 'note',
      detail: '3.0 GB in the store, 1.6 GB of it in 2 images of earlier states of components',
      hint: 'remove those: orlop cache clean --superseded',
    });
  });
});
