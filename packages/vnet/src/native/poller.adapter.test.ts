import { describe, expect, it } from 'vitest';
import { AF_UNIX, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, UV_READABLE, UV_WRITABLE } from './constants.ts';
import { Poller } from './poller.ts';

const isLinux = process.platform === 'linux';

/** Two joined descriptors, and what their watches said. */
function pair(poller: Poller) {
  const descriptors = new Int32Array(2);
  const bytes = new Uint8Array(descriptors.buffer);
  expect(poller.library.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, bytes)).toBe(0);
  const [one = 0, other = 0] = descriptors;
  return { one, other };
}

/** Turns of Node's loop, enough for an event to come if one is to. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe.runIf(isLinux)('Poller', () => {
  const poller = new Poller(process.platform, process.arch);
  const ONE = Uint8Array.of(1);

  it('tells what is wanted while it lasts, and nothing that is not wanted', async () => {
    const { one, other } = pair(poller);
    const seen: number[] = [];
    const watch = poller.watch(one, (events) => {
      seen.push(events);
      if (seen.length === 3) watch.want(0);
    });
    watch.want(UV_READABLE);
    await turns();
    expect(seen).toEqual([]);
    poller.library.write(other, ONE, 1);
    await turns();
    expect(seen).toEqual([UV_READABLE, UV_READABLE, UV_READABLE]);
    await turns();
    expect(seen.length).toBe(3);
    watch.want(UV_WRITABLE);
    await turns();
    expect(seen.slice(3).every((events) => events === UV_WRITABLE)).toBe(true);
    expect(seen.length).toBeGreaterThan(3);
    watch.close();
    poller.library.close(one);
    poller.library.close(other);
  });

  it('wakes who wants again what was ready all the time', async () => {
    const { one, other } = pair(poller);
    let count = 0;
    const watch = poller.watch(one, () => {
      count++;
      watch.want(0);
    });
    poller.library.write(other, ONE, 1);
    watch.want(UV_READABLE);
    await turns();
    expect(count).toBe(1);
    watch.want(UV_READABLE);
    await turns();
    expect(count).toBe(2);
    watch.close();
    poller.library.close(one);
    poller.library.close(other);
  });

  it('does not turn for ever over a hang-up that nobody looks at', async () => {
    const { one, other } = pair(poller);
    let count = 0;
    const watch = poller.watch(one, () => {
      count++;
    });
    watch.want(UV_READABLE);
    watch.want(0);
    poller.library.close(other);
    await turns();
    expect(count).toBe(0);
    watch.want(UV_READABLE);
    await turns();
    expect(count).toBeGreaterThan(0);
    watch.close();
    poller.library.close(one);
  });

  it('gives a closed descriptor no event of the batch at hand, nor its number’s next owner', async () => {
    const pairs = [pair(poller), pair(poller)];
    const seen: number[] = [];
    const watches = pairs.map(({ one }, index) =>
      poller.watch(one, () => {
        seen.push(index);
        // Whichever comes first closes both.
        for (const [at, watch] of watches.entries()) {
          watch.close();
          poller.library.close(pairs[at]?.one ?? -1);
        }
      }),
    );
    for (const watch of watches) watch.want(UV_READABLE);
    for (const { other } of pairs) poller.library.write(other, ONE, 1);
    await turns();
    expect(seen.length).toBe(1);
    const next = pair(poller);
    const watch = poller.watch(next.one, () => seen.push(9));
    watch.want(UV_READABLE);
    await turns();
    expect(seen.length).toBe(1);
    watch.close();
    for (const descriptor of [next.one, next.other, ...pairs.map((one) => one.other)])
      poller.library.close(descriptor);
  });

  it('lets a descriptor go on with another watch', async () => {
    const { one, other } = pair(poller);
    const seen: string[] = [];
    const first = poller.watch(one, () => {
      seen.push('first');
      first.detach();
      const second = poller.watch(one, () => {
        seen.push('second');
        second.close();
        poller.library.close(one);
      });
      second.want(UV_READABLE);
    });
    first.want(UV_READABLE);
    poller.library.write(other, ONE, 1);
    await turns();
    expect(seen).toEqual(['first', 'second']);
    poller.library.close(other);
  });

  it('runs what is to come soon at the end of the batch, before Node’s loop turns', async () => {
    const { one, other } = pair(poller);
    const order: string[] = [];
    const watch = poller.watch(one, () => {
      setImmediate(() => order.push('immediate'));
      poller.soon(() => order.push('soon'));
      order.push('event');
      watch.close();
      poller.library.close(one);
    });
    watch.want(UV_READABLE);
    poller.library.write(other, ONE, 1);
    await turns();
    expect(order).toEqual(['event', 'soon', 'immediate']);
    poller.library.close(other);
  });

  it('says one time for all of a batch, and the real one outside', async () => {
    const pairs = [pair(poller), pair(poller)];
    const times: number[] = [];
    const watches = pairs.map(({ one }) =>
      poller.watch(one, () => {
        const before = performance.now();
        times.push(poller.now());
        while (performance.now() < before + 0.05);
        if (times.length === 2) for (const watch of watches) watch.want(0);
      }),
    );
    for (const watch of watches) watch.want(UV_READABLE);
    for (const { other } of pairs) poller.library.write(other, ONE, 1);
    const earlier = performance.now();
    await turns();
    expect(times.length).toBe(2);
    expect(times[1]).toBe(times[0]);
    expect(times[0]).toBeGreaterThan(earlier);
    const now = performance.now();
    expect(poller.now()).toBeGreaterThanOrEqual(now);
    for (const watch of watches) watch.close();
    for (const { one, other } of pairs)
      for (const descriptor of [one, other]) poller.library.close(descriptor);
  });
});
