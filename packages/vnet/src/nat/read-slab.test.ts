import { describe, expect, it } from 'vitest';
import { ReadSlab } from './read-slab.ts';

describe('ReadSlab', () => {
  it('never gives bytes that somebody still holds', () => {
    const slab = new ReadSlab();
    const held = [];
    for (let round = 0; round < 200; round++) {
      const space = slab.space(50_000);
      space.fill(round & 0xff);
      held.push({ round, space, lease: slab.take(space.length) });
      if (round % 3 === 0) held.splice((round * 7) % held.length, 1)[0]?.lease.release();
      for (const { round: owner, space: bytes } of held) {
        expect(bytes.every((byte) => byte === (owner & 0xff))).toBe(true);
      }
      if (held.length > 12) held.shift()?.lease.release();
    }
  });

  it('uses the memory of a transfer again rather than new memory', () => {
    const slab = new ReadSlab();
    const buffers = new Set<ArrayBufferLike>();
    const leases = [];
    for (let read = 0; read < 1000; read++) {
      const space = slab.space(100_000);
      buffers.add(space.buffer);
      leases.push(slab.take(space.length));
      if (leases.length > 5) leases.shift()?.release();
    }
    expect(buffers.size).toBeLessThan(6);
  });

  it('gives the same place again after a short read, which the stack copies', () => {
    const slab = new ReadSlab();
    const first = slab.space(65_536);
    slab.take(10).release();
    const second = slab.space(65_536);
    expect(second).toBe(first);
  });
});
