import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { GuestChannel } from './guest-channel.ts';
import { GuestCopy } from './guest-copy.ts';

/** A machine that answers every question with these lines. */
function machineThatSays(...answers: readonly unknown[]): GuestCopy {
  const stream: Duplex = new Duplex({
    read: () => {},
    write: (_chunk, _encoding, done) => {
      for (const answer of answers) stream.push(`${JSON.stringify(answer)}\n`);
      done();
    },
  });
  return new GuestCopy(new GuestChannel(stream), { maxEntries: 5 });
}

const ENTRY = ['a', 'f', 0o644, 1, '1.1.1', 0];
const END = { now: 7, failed: [] };

describe('GuestCopy.list', () => {
  it('gives what each folder holds, and none for what cannot be listed', async () => {
    const copy = machineThatSays([0, [ENTRY]], [0, [ENTRY]], { now: 7, failed: [1] });
    const { nowMs, folders } = await copy.list(['x', 'y']);
    expect(nowMs).toBe(7);
    expect(folders.map((entries) => entries?.length)).toEqual([2, undefined]);
  });

  it('stops hearing at more entries than a share may hold', async () => {
    const endless = machineThatSays([0, [ENTRY, ENTRY, ENTRY]], [0, [ENTRY, ENTRY, ENTRY]], END);
    await expect(endless.list([''])).rejects.toThrow('it holds more than 5 files and folders');
  });

  it.each([
    ['entries that are no list', [0, 7]],
    ['failures that are no list', { now: 7, failed: 7 }],
    ['an end that is null', null],
  ])('refuses %s', async (_what, answer) => {
    await expect(machineThatSays(answer, END).list([''])).rejects.toMatchObject({
      code: 'engine.sync-failed',
    });
  });

  it.each(['constructor', '__proto__', 'q', ''])('refuses an entry of the kind %j', async (kind) => {
    const list = machineThatSays([0, [['a', kind, 0o644, 1, '1.1.1', 0]]], END).list(['']);
    await expect(list).rejects.toMatchObject({ code: 'engine.sync-failed' });
  });

  it('takes no folder for listed that was not asked for', async () => {
    const { folders } = await machineThatSays({ now: 7, failed: [9] }).list(['']);
    expect(folders).toEqual([[]]);
  });
});
