import { silentLogger } from '@orlop/core';
import { describe, expect, it } from 'vitest';
import { LostShares } from './lost-shares.ts';

function setUp() {
  const machine = { gone: [] as string[], running: true, refuses: false };
  const aborted: string[] = [];
  const lost = new LostShares({
    find: async () => machine.gone,
    abort: async (path) => {
      aborted.push(path);
      if (machine.refuses) throw new Error('the machine could not notify');
    },
    isRunning: () => machine.running,
    logger: silentLogger,
  });
  return { machine, aborted, lost };
}

describe('LostShares', () => {
  it('names what is gone, and ends what waits for it once', async () => {
    const { machine, aborted, lost } = setUp();
    await lost.look();
    expect([lost.paths, aborted]).toEqual([[], []]);
    machine.gone = ['/a'];
    await lost.look();
    await lost.look();
    expect([lost.paths, aborted]).toEqual([['/a'], ['/a']]);
  });

  it('waits with that until a machine that sleeps is awake', async () => {
    const { machine, aborted, lost } = setUp();
    machine.gone = ['/a'];
    machine.running = false;
    await lost.look();
    expect([lost.paths, aborted]).toEqual([['/a'], []]);
    machine.running = true;
    await lost.look();
    expect(aborted).toEqual(['/a']);
  });

  it('goes on to the next share where the machine refuses', async () => {
    const { machine, aborted, lost } = setUp();
    machine.gone = ['/a', '/b'];
    machine.refuses = true;
    await lost.look();
    expect([lost.paths, aborted]).toEqual([
      ['/a', '/b'],
      ['/a', '/b'],
    ]);
  });
});
