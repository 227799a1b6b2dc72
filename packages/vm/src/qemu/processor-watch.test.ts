import { describe, expect, it } from 'vitest';
import { FakeQemu } from '../testing/fake-qemu.ts';
import { watchProcessors } from './processor-watch.ts';

/** Watches a machine in this status, lets QEMU say these events, and gives what was told of them. */
async function told(status: string, ...events: readonly object[]): Promise<string[]> {
  const heard: string[] = [];
  const qemu = new FakeQemu((_, id) => `${JSON.stringify({ return: { status }, id })}\n`);
  const watching = watchProcessors(qemu, {
    signal: new AbortController().signal,
    onResume: () => heard.push('resumed'),
    onDiskFull: () => heard.push('disk full'),
  });
  await expect.poll(() => qemu.commands.length).toBe(2);
  for (const event of events) qemu.say(`${JSON.stringify(event)}\n`);
  qemu.push(null);
  await watching;
  return heard;
}

const ioError = (data: object) => ({ event: 'BLOCK_IO_ERROR', data: { operation: 'write', ...data } });

describe('watchProcessors', () => {
  it('tells of a stop for want of room and of each time that the processors go on, in order', async () => {
    const full = ioError({ action: 'stop', nospace: true });
    const [stop, resume] = [{ event: 'STOP' }, { event: 'RESUME' }];
    expect(await told('running', full, stop, resume, full, stop, resume)).toEqual([
      ...['disk full', 'resumed'],
      ...['disk full', 'resumed'],
    ]);
  });

  it('tells nothing of errors that the guest is told of, and of stops for other reasons', async () => {
    const others = [
      ioError({ action: 'report', nospace: true }),
      ioError({ action: 'ignore', nospace: true }),
      ioError({ action: 'stop', nospace: false }),
      { event: 'STOP' },
    ];
    expect(await told('running', ...others)).toEqual([]);
    expect(await told('paused')).toEqual([]);
  });

  it('tells at once of a machine that stands still already', async () => {
    expect(await told('io-error', { event: 'RESUME' })).toEqual(['disk full', 'resumed']);
  });

  it('ends when aborted, and tells nothing after', async () => {
    const ended = new AbortController();
    const heard: string[] = [];
    const qemu = new FakeQemu((_, id) => `{"return": {"status": "running"}, "id": ${id}}\n`);
    const watching = watchProcessors(qemu, {
      signal: ended.signal,
      onResume: () => heard.push('resumed'),
      onDiskFull: () => heard.push('disk full'),
    });
    await expect.poll(() => qemu.commands.length).toBe(2);
    ended.abort();
    qemu.say('{"event": "RESUME"}\n');
    await watching;
    expect(heard).toEqual([]);
  });
});
