import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { portAnswers } from './port-answers.ts';

describe('portAnswers', () => {
  it('leaves nothing on the signal of a connection that is kept for many requests', async () => {
    const { signal } = new AbortController();
    const answers = portAnswers(async () => undefined);
    for (let request = 0; request < 3; request++) await answers.ready(signal);
    const failing = portAnswers(async () => Promise.reject(new Error('no')));
    await failing.ready(signal);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('lets a client go that has gone', async () => {
    const gone = new AbortController();
    const ready = portAnswers(() => new Promise(() => undefined)).ready(gone.signal);
    gone.abort();
    await expect(ready).resolves.toBeUndefined();
  });
});
