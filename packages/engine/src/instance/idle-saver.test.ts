import { FakeClock } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { IdleSaver } from './idle-saver.ts';

/** Looks once a second for so long, as the timer would; tells when it rested and how often it asked. */
async function idle(seconds: number, limit: (second: number) => number, isBusy = (_second: number) => false) {
  const clock = new FakeClock();
  let second = 0;
  let asked = 0;
  const rests: number[] = [];
  const saver = new IdleSaver({
    clock,
    limitSeconds: async () => {
      asked++;
      return limit(second);
    },
    isBusy: () => isBusy(second),
    onIdle: async () => void rests.push(second),
    onError: (error) => {
      throw error;
    },
  });
  for (second = 1; second <= seconds; second++) {
    clock.advance(1000);
    await saver.look();
  }
  return { rests, asked };
}

describe('IdleSaver', () => {
  it('calls when nobody needed the engine for as long as the setting says', async () => {
    expect((await idle(10, () => 7)).rests).toEqual([7]);
    expect(
      (
        await idle(
          10,
          () => 3,
          (second) => second === 2,
        )
      ).rests,
    ).toEqual([5, 8]);
  });

  it('asks for its setting every five seconds, and holds to a changed one then', async () => {
    expect(await idle(60, () => 0)).toEqual({ rests: [], asked: 12 });
    expect((await idle(12, (second) => (second < 3 ? 0 : 1))).rests[0]).toBe(6);
  });
});
