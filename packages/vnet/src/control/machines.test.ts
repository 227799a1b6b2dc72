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

  it('keeps a port that the host chose for a machine, and ends it with the machine', async () => {
    const { network } = testNetwork();
    const machines = new Machines(network);
    await machines.add({ name: 'web', mac: MAC, forwards: parseForwards('0:80') });
    await machines.add({ name: 'db', mac: '52:54:00:00:00:03', forwards: parseForwards('0:80') });
    const [first, second] = network.forwards.list().map(({ id }) => id.replace('tcp:', ''));
    expect(machines.saved().map(({ forwards }) => forwards)).toEqual([
      [`${first}:80/tcp`],
      [`${second}:80/tcp`],
    ]);
    machines.remove('web');
    expect(network.forwards.list().map(({ id }) => id)).toEqual([`tcp:${second}`]);
  });
});
