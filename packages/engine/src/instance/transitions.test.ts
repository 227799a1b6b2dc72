import { describe, expect, it } from 'vitest';
import { Transitions } from './transitions.ts';

/** Work that ends when it is told to. */
function held() {
  let end = (): void => {};
  let fail = (_error: Error): void => {};
  const promise = new Promise<void>((settled, failed) => {
    end = settled;
    fail = failed;
  });
  return { promise, end, fail };
}

describe('Transitions', () => {
  it('begins a start once, and all who ask wait for its end', async () => {
    const transitions = new Transitions();
    const work = held();
    let begun = 0;
    const start = () =>
      transitions.start(() => {
        begun++;
        return work.promise;
      });
    const both = [start(), start()];
    expect(begun).toBe(1);
    expect(transitions.starting).toBe(both[0]);
    work.end();
    await Promise.all(both);
    expect(transitions.starting).toBeUndefined();
    await transitions.start(async () => {
      begun++;
    });
    expect(begun).toBe(2);
  });

  it('hands a start that fails to all who wait, and lets the next one begin', async () => {
    const transitions = new Transitions();
    const work = held();
    const both = [transitions.start(() => work.promise), transitions.start(() => work.promise)];
    work.fail(new Error('no kernel'));
    for (const one of both) await expect(one).rejects.toThrow('no kernel');
    await transitions.start(async () => {});
  });

  it('gives a start up, and waits until its work has ended', async () => {
    const transitions = new Transitions();
    let ended = false;
    const start = transitions.start(async (signal) => {
      await new Promise((settled) => signal.addEventListener('abort', settled));
      ended = true;
      signal.throwIfAborted();
    });
    start.catch(() => undefined);
    await transitions.cancelStart();
    expect(ended).toBe(true);
    await expect(start).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('stops once, and whoever comes meanwhile waits for the same, failed or not', async () => {
    const transitions = new Transitions();
    const work = held();
    let begun = 0;
    const stop = () =>
      transitions.stop(() => {
        begun++;
        return work.promise;
      });
    const both = [stop(), stop()];
    const waited = transitions.untilStopped();
    expect([begun, transitions.isStopping]).toEqual([1, true]);
    work.fail(new Error('no answer'));
    for (const one of both) await expect(one).rejects.toThrow('no answer');
    await waited;
    expect(transitions.isStopping).toBe(false);
  });
});
