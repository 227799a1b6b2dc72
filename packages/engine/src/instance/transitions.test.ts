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
    expect([begun, transitions.asked]).toEqual([1, 2]);
    work.end();
    expect(await Promise.all(both)).toEqual(['begun', 'joined']);
    expect([transitions.starting, transitions.asked]).toEqual([undefined, 0]);
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

  it('no longer counts who has gone, and goes on with the start', async () => {
    const transitions = new Transitions();
    const work = held();
    const gone = new AbortController();
    const start = transitions.start(() => work.promise, { gone: gone.signal });
    gone.abort();
    expect(transitions.asked).toBe(0);
    work.end();
    expect(await start).toBe('begun');
  });

  it('stops one after the other, in the order in which they were asked for, whatever came of those before', async () => {
    const transitions = new Transitions();
    const [first, second] = [held(), held()];
    const done: string[] = [];
    const stops = [
      transitions.stop(async () => {
        done.push('first');
        await first.promise;
      }),
      transitions.stop(async () => {
        done.push('second');
        await second.promise;
      }),
    ];
    const waited = transitions.untilStopped().then(() => done.push('waited'));
    first.fail(new Error('no answer'));
    await expect(stops[0]).rejects.toThrow('no answer');
    expect(transitions.isStopping).toBe(true);
    second.end();
    await stops[1];
    await waited;
    expect([...done, transitions.isStopping]).toEqual(['first', 'second', 'waited', false]);
  });

  it('begins a start when no stop is under way or waits, and a stop when no start is', async () => {
    const transitions = new Transitions();
    const [stopping, starting] = [held(), held()];
    const done: string[] = [];
    const stop = transitions.stop(() => stopping.promise);
    const start = transitions.start(async () => {
      done.push('start');
      await starting.promise;
      done.push('started');
    });
    const again = transitions.stop(async () => void done.push('stop'));
    stopping.end();
    await stop;
    await again;
    expect(done).toEqual(['stop']);
    await expect.poll(() => done.at(-1)).toBe('start');
    const last = transitions.stop(async () => void done.push('stop'));
    starting.end();
    await Promise.all([start, last]);
    expect(done).toEqual(['stop', 'start', 'started', 'stop']);
  });

  it('gives a start up that a stop keeps from beginning, while that stop goes on', async () => {
    const transitions = new Transitions();
    const stopping = held();
    let begun = 0;
    const stop = transitions.stop(() => stopping.promise);
    const start = transitions.start(async () => void begun++);
    expect(transitions.asked).toBe(1);
    const refused = expect(start).rejects.toMatchObject({ code: 'engine.start-cancelled' });
    await transitions.cancelStart();
    await refused;
    stopping.end();
    await stop;
    expect([begun, transitions.asked]).toEqual([0, 0]);
  });
});
