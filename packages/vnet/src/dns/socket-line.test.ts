import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SocketLine } from './socket-line.ts';

/** Who is in, in the order in which their turns came. */
function line(max: number) {
  const sockets = new SocketLine(max);
  const came: string[] = [];
  const enter = (owner: string, count: number) => {
    for (let n = 0; n < count; n++) void sockets.enter(owner).then(() => came.push(owner));
  };
  return { sockets, came, enter };
}

describe('SocketLine', () => {
  it('leaves a quarter to others, whatever one guest asks', async () => {
    const { came, enter } = line(8);
    enter('a', 100);
    enter('b', 100);
    await turn();
    expect(came).toEqual(['a', 'a', 'a', 'a', 'a', 'a', 'b', 'b']);
  });

  it('lets guests take turns, and forgets nobody who waits', async () => {
    const { sockets, came, enter } = line(1);
    enter('a', 4);
    enter('b', 2);
    enter('c', 1);
    for (let n = 0; n < 6; n++) {
      await turn();
      sockets.leave(came.at(-1) ?? '');
    }
    await turn();
    expect(came).toEqual(['a', 'a', 'b', 'c', 'a', 'b', 'a']);
  });
});
