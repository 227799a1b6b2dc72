import { describe, expect, it } from 'vitest';
import { OneAtATime } from './one-at-a-time.ts';

/** Work whose runs end when they are told to. */
function held() {
  const runs: { readonly end: () => void; readonly fail: (error: Error) => void }[] = [];
  const work = new OneAtATime(
    () => new Promise((resolve, reject) => runs.push({ end: () => resolve(), fail: reject })),
  );
  return { runs, work };
}

describe('OneAtATime', () => {
  it('runs once more, and no oftener, when it is asked while it runs', async () => {
    const { runs, work } = held();
    const asked = [work.run(), work.run(), work.run()];
    expect(runs).toHaveLength(1);
    runs[0]?.end();
    await expect.poll(() => runs.length).toBe(2);
    runs[1]?.end();
    await Promise.all(asked);
    expect(runs).toHaveLength(2);
    void work.run();
    expect(runs).toHaveLength(3);
  });

  it('rejects as the last run did, and can be asked again', async () => {
    const { runs, work } = held();
    const asked = Promise.all([work.run(), work.run()]);
    runs[0]?.fail(new Error('first'));
    await expect.poll(() => runs.length).toBe(2);
    runs[1]?.fail(new Error('second'));
    await expect(asked).rejects.toThrow('second');
    const again = work.run();
    runs[2]?.end();
    await expect(again).resolves.toBeUndefined();
  });
});
