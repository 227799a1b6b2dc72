import { describe, expect, it } from 'vitest';
import { parseForwards } from '../forward/forward-text.ts';
import { testNetwork } from '../testing/test-network.ts';
import { Machines } from './machines.ts';

const MAC = '52:54:00:00:00:02';

describe('Machines', () => {
  it('keeps the forwards of one registration of a name, also of two at once', async () => {
    const { network } = testNetwork();
    const machines = new Machines(network);
    const add = (text: string) => machines.add({ name: 'web', mac: MAC, forwards: parseForwards(text) });
    await Promise.all([add('8080:80'), add('8081:80')]);
    expect(network.forwards.list().map(({ id }) => id)).toEqual(['tcp:127.0.0.1:8081']);
    expect(machines.forwardIds()).toEqual(new Set(['tcp:127.0.0.1:8081']));
    machines.remove('web');
    expect(network.forwards.list()).toEqual([]);
  });
});
