import { describe, expect, it } from 'vitest';
import { HostRoom, ROOM_BYTES } from './host-room.ts';

/** Looks once for each of these free bytes; an error stands for a file system that does not say. */
async function looks(found: readonly (number | Error)[], goOn = async () => {}) {
  const seen: number[] = [];
  const errors: string[] = [];
  let asked = 0;
  let next = 0;
  const room = new HostRoom({
    freeBytes: async () => {
      const free = found[next++];
      if (typeof free !== 'number') throw free;
      return free;
    },
    onLook: (free) => seen.push(free),
    onRoom: () => {
      asked++;
      return goOn();
    },
    onError: (error) => errors.push(String(error)),
  });
  for (const _ of found) await room.look();
  return { seen, asked, errors };
}

describe('HostRoom', () => {
  it('lets the machine go on when there is room, not before, and tells of each look', async () => {
    const free = [0, ROOM_BYTES - 1, ROOM_BYTES];
    expect(await looks(free)).toEqual({ seen: free, asked: 1, errors: [] });
  });

  it('goes on looking when the file system does not answer, or the machine does not go on', async () => {
    const refusing = async () => {
      throw new Error('no monitor');
    };
    expect(await looks([new Error('no answer'), ROOM_BYTES, ROOM_BYTES], refusing)).toEqual({
      seen: [ROOM_BYTES, ROOM_BYTES],
      asked: 2,
      errors: ['Error: no answer', 'Error: no monitor', 'Error: no monitor'],
    });
  });
});
