import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { untilDrained } from './until-drained.ts';

describe('untilDrained', () => {
  it('waits for room, and leaves no listener however often it is called', async () => {
    const stream = new PassThrough({ highWaterMark: 1 });
    for (let round = 0; round < 20; round++) {
      expect(stream.write('more than there is room for')).toBe(false);
      const drained = untilDrained(stream);
      stream.read();
      await drained;
    }
    expect([stream.listenerCount('drain'), stream.listenerCount('close')]).toEqual([0, 0]);
  });

  it('waits no longer for what is gone, and not at all for what went before', async () => {
    const stream = new PassThrough({ highWaterMark: 1 });
    stream.write('full');
    const drained = untilDrained(stream);
    stream.destroy();
    await drained;
    await untilDrained(stream);
    expect([stream.listenerCount('drain'), stream.listenerCount('close')]).toEqual([0, 0]);
  });
});
