import { describe, expect, it } from 'vitest';
import { toBytePath } from './byte-paths.ts';
import { IN_CREATE, IN_ISDIR, IN_Q_OVERFLOW, parseInotifyEvents } from './inotify-events.ts';

function emit(watch: number, mask: number, name: string): Buffer {
  const bytes = Buffer.from(name);
  const padded = name === '' ? 0 : (bytes.length + 16) & ~15;
  const event = Buffer.alloc(16 + padded);
  event.writeInt32LE(watch, 0);
  event.writeUInt32LE(mask >>> 0, 4);
  event.writeUInt32LE(padded, 12);
  bytes.copy(event, 16);
  return event;
}

describe('parseInotifyEvents', () => {
  it('reads events one after the other, with names without their padding', () => {
    const bytes = Buffer.concat([
      emit(1, IN_CREATE | IN_ISDIR, 'Grüße 日本'),
      emit(7, 2, ''),
      emit(-1, IN_Q_OVERFLOW, ''),
    ]);
    expect(parseInotifyEvents(bytes)).toEqual([
      { watch: 1, mask: IN_CREATE | IN_ISDIR, cookie: 0, name: toBytePath('Grüße 日本') },
      { watch: 7, mask: 2, cookie: 0, name: '' },
      { watch: -1, mask: IN_Q_OVERFLOW, cookie: 0, name: '' },
    ]);
  });

  it('leaves out an event that is cut off', () => {
    const bytes = Buffer.concat([emit(1, 2, 'a'), emit(2, 2, 'b')]);
    for (let length = 0; length < bytes.length; length++) {
      expect(parseInotifyEvents(bytes.subarray(0, length)).length).toBe(length < 32 ? 0 : 1);
    }
  });
});
