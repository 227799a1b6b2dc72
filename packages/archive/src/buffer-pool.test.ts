import { describe, expect, it } from 'vitest';
import { BufferPool, recycle, share } from './buffer-pool.ts';

describe('BufferPool', () => {
  it('gives a buffer out again once its last user gave it back, by whatever part of it', () => {
    const pool = new BufferPool(64, 4);
    const first = pool.take();
    share(first.subarray(8, 9));
    recycle(first.subarray(60));
    const second = pool.take();
    expect(second.buffer).not.toBe(first.buffer);
    recycle(first.subarray(0, 1));
    expect(pool.take().buffer).toBe(first.buffer);
    expect(pool.take().buffer).not.toBe(second.buffer);
  });

  it('keeps no more buffers that nobody uses than it was told', () => {
    const pool = new BufferPool(64, 1);
    const [kept, dropped] = [pool.take(), pool.take()];
    recycle(kept);
    recycle(dropped);
    expect(pool.take().buffer).toBe(kept.buffer);
    expect(pool.take().buffer).not.toBe(dropped.buffer);
  });

  it('has no part in chunks of others', () => {
    const chunk = new Uint8Array(3);
    share(chunk);
    recycle(chunk);
    recycle(chunk);
    expect(chunk.length).toBe(3);
  });

  it('says so when a chunk is given back twice', () => {
    const chunk = new BufferPool(64, 1).take();
    recycle(chunk);
    expect(() => recycle(chunk)).toThrow('given back twice');
  });
});
