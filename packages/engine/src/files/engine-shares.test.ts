import { silentLogger } from '@orlop/core';
import { describe, expect, it } from 'vitest';
import { EngineShares } from './engine-shares.ts';

/** A machine with two shares, and all that was done to it, in its order. */
function setUp() {
  const machine = {
    gone: new Set<string>(),
    replaced: new Set<string>(),
    crowded: [] as string[],
    users: [] as string[],
    refuses: '',
    running: true,
  };
  const done: string[] = [];
  const act = async (what: string) => {
    done.push(what);
    if (machine.refuses !== '' && what.startsWith(machine.refuses)) throw new Error(`no ${what}`);
  };
  const shares = new EngineShares({
    shares: [
      { tag: 's0', path: '/a' },
      { tag: 's1', path: '/b' },
    ],
    machine: {
      lostShares: async () => [...machine.gone],
      replacedShares: async () => [...machine.replaced],
      crowdedShares: async () => machine.crowded,
      unplugShare: async (path) => {
        await act(`unplug ${path}`);
        machine.gone.add(path);
      },
      plugShare: async (path) => {
        await act(`plug ${path}`);
        machine.gone.delete(path);
        machine.replaced.delete(path);
      },
    },
    agent: {
      attachShares: async (tags) => {
        await act(`attach ${tags}`);
        return ['f'.repeat(64)];
      },
      detachShares: async () => {
        await act('detach');
        return machine.users;
      },
      forgetFiles: () => act('forget'),
      releaseShare: async (tag) => {
        await act(`release ${tag}`);
        return machine.users;
      },
      answerLostShare: (tag) => act(`answer ${tag}`),
      abortShare: (path) => act(`abort ${path}`),
    },
    containers: async () => new Map([['f'.repeat(64), 'web']]),
    logger: silentLogger,
  });
  shares.start(
    () => machine.running,
    (path) => done.push(`anew ${path}`),
  );
  shares.stop();
  return { machine, done, shares };
}

describe('EngineShares', () => {
  it('takes all away and puts all back', async () => {
    const { done, shares } = setUp();
    await shares.takeAway();
    await shares.look(); // does not take this for a loss
    expect([done, shares.lost]).toEqual([['detach', 'unplug /a', 'unplug /b'], []]);
    done.length = 0;
    await shares.bringBack();
    expect(done).toEqual(['plug /a', 'plug /b', 'attach s0,s1']);
  });

  it('takes nothing away that a container has, and names the container', async () => {
    const { machine, done, shares } = setUp();
    machine.users = ['f'.repeat(64)];
    await expect(shares.takeAway()).rejects.toMatchObject({
      code: 'engine.cannot-suspend',
      message: expect.stringContaining('web'),
    });
    expect(done).toEqual(['detach']);
  });

  it('mounts them again when they could not all be unmounted', async () => {
    const { machine, done, shares } = setUp();
    machine.refuses = 'detach';
    await expect(shares.takeAway()).rejects.toMatchObject({ code: 'engine.cannot-suspend' });
    expect([done, shares.lost]).toEqual([['detach', 'attach s0,s1'], []]);
  });

  it('puts back what it has taken when the next cannot be taken', async () => {
    const { machine, done, shares } = setUp();
    machine.refuses = 'unplug /b';
    await expect(shares.takeAway()).rejects.toMatchObject({ code: 'engine.cannot-suspend' });
    expect(done.slice(-2)).toEqual(['plug /a', 'attach s0,s1']);
    expect(machine.gone.size).toBe(0);
  });

  it('puts back later what could not be put back at once, and says meanwhile that it is lost', async () => {
    const { machine, done, shares } = setUp();
    await shares.takeAway();
    machine.refuses = 'attach';
    await shares.bringBack();
    expect(shares.lost).toEqual(['/a', '/b']);
    machine.refuses = '';
    await shares.look();
    expect([done.at(-1), shares.lost]).toEqual(['attach s0,s1', []]);
  });

  it('serves a share again whose server has ended, and the others go on', async () => {
    const { machine, done, shares } = setUp();
    machine.gone.add('/b');
    await shares.look();
    expect(done).toEqual(['answer s1', 'unplug /b', 'plug /b', 'attach s1']);
    expect(shares.lost).toEqual([]);
  });

  it('gives all that are lost a server before it mounts them, in one request', async () => {
    const { machine, done, shares } = setUp();
    for (const path of ['/a', '/b']) machine.gone.add(path);
    await shares.look();
    expect(done.slice(-2)).toEqual(['plug /b', 'attach s0,s1']);
    machine.gone.add('/a').add('/b');
    machine.refuses = 'plug /a';
    await shares.look();
    expect([done.at(-1), shares.lost]).toEqual(['attach s1', ['/a']]);
  });

  it('tries again where the folder is not there, and says meanwhile that it is lost', async () => {
    const { machine, done, shares } = setUp();
    machine.gone.add('/a');
    machine.refuses = 'plug';
    await shares.look();
    expect(shares.lost).toEqual(['/a']);
    await expect(shares.takeAway()).rejects.toMatchObject({ code: 'engine.cannot-suspend' });
    machine.refuses = '';
    await shares.look();
    expect([done.at(-1), shares.lost]).toEqual(['attach s0', []]);
  });

  it('lets programs go once, and says that it is lost, where the machine cannot take the device away', async () => {
    const { machine, done, shares } = setUp();
    machine.gone.add('/a');
    machine.refuses = 'answer';
    await shares.look();
    await shares.look();
    expect([done, shares.lost]).toEqual([['answer s0', 'abort /a'], ['/a']]);
  });

  it('waits until a machine that sleeps is awake', async () => {
    const { machine, done, shares } = setUp();
    machine.gone.add('/a');
    machine.running = false;
    await shares.look();
    expect([done, shares.lost]).toEqual([[], ['/a']]);
    machine.running = true;
    await shares.look();
    expect(shares.lost).toEqual([]);
  });

  it('serves the folder that is there now, where the one of before was moved away and no container has it', async () => {
    const { machine, done, shares } = setUp();
    machine.replaced.add('/b');
    await shares.look();
    expect(done).toEqual(['release s1', 'unplug /b', 'plug /b', 'attach s1', 'anew /b']);
    await shares.look();
    expect([done.length, shares.replaced, shares.lost]).toEqual([5, [], []]);
  });

  it('goes on with the folder of before where the machine does not let go of it', async () => {
    const { machine, done, shares } = setUp();
    machine.replaced.add('/b');
    machine.refuses = 'unplug';
    await shares.look();
    await shares.look();
    expect([done, shares.lost]).toEqual([['release s1', 'unplug /b', 'attach '], []]);
  });

  it('has the machine forget files when a server has many open, and not at each look while that stays', async () => {
    const { machine, done, shares } = setUp();
    await shares.look();
    expect(done).toEqual([]);
    machine.crowded = ['/a'];
    for (let look = 0; look < 9; look++) await shares.look();
    expect(done).toEqual(['forget', 'forget', 'forget']);
    await shares.look();
    expect(done).toHaveLength(4);
    machine.crowded = [];
    await shares.look();
    machine.crowded = ['/b'];
    await shares.look();
    expect(done).toHaveLength(5);
  });

  it('leaves a replaced folder to the containers that have it, names them, and follows when they are gone', async () => {
    const { machine, done, shares } = setUp();
    machine.replaced.add('/b');
    machine.users = ['f'.repeat(64)];
    await shares.look();
    expect([done, shares.replaced]).toEqual([['release s1'], [{ path: '/b', containers: ['web'] }]]);
    machine.users = [];
    await shares.look();
    expect([done.at(-1), shares.replaced]).toEqual(['anew /b', []]);
  });

  it('mends what a daemon that was killed has left away', async () => {
    const { machine, done, shares } = setUp();
    machine.gone.add('/a');
    await shares.mend();
    expect([done.includes('plug /a'), done.at(-1), shares.lost]).toEqual([true, 'attach ', []]);
  });
});
