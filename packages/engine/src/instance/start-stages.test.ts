import type { StageRecord } from '@orlop/api';
import { describe, expect, it } from 'vitest';
import { StartStages } from './start-stages.ts';

function setup() {
  let now = 0;
  const seen: StageRecord[] = [];
  const stages = new StartStages(
    () => now,
    (stage) => seen.push(stage),
  );
  const pass = (ms: number) => {
    now += ms;
  };
  const cancel = new AbortController();
  const options = { waitsFor: 'a thing', limitMs: 60_000, signal: cancel.signal };
  return { stages, seen, cancel, options, pass };
}

describe('StartStages', () => {
  it('times each stage and tells what it waits for and found', async () => {
    const { stages, seen, options, pass } = setup();
    await stages.run('image', options, async (voice) => {
      pass(20);
      voice.waitsFor('a download');
      pass(5);
      voice.note('composed');
    });
    expect(seen.map(({ state, waitsFor, durationMs }) => [state, waitsFor, durationMs])).toEqual([
      ['active', 'a thing', 0],
      ['active', 'a download', 20],
      ['active', 'a download', 25],
      ['done', 'a download', 25],
    ]);
    expect(stages.list()).toEqual([
      {
        name: 'image',
        state: 'done',
        waitsFor: 'a download',
        durationMs: 25,
        limitMs: 60_000,
        note: 'composed',
      },
    ]);
  });

  it('counts the time of a stage that goes on', async () => {
    const { stages, options, pass } = setup();
    await stages.run('disk', options, async () => {
      pass(7);
      expect(stages.list()[0]?.durationMs).toBe(7);
    });
  });

  it('ends a stage over its limit, naming what it still waits for, and tells its work', async () => {
    const { stages, options } = setup();
    let told = false;
    const run = stages.run('kernel', { ...options, limitMs: 1 }, (voice) => {
      voice.waitsFor('the first frame');
      voice.signal.addEventListener('abort', () => {
        told = true;
      });
      return new Promise(() => {});
    });
    await expect(run).rejects.toMatchObject({
      code: 'engine.stage-timeout',
      message: expect.stringContaining('the first frame'),
    });
    expect(told).toBe(true);
    expect(stages.list()[0]?.state).toBe('failed');
  });

  it('ends a stage when the start is given up', async () => {
    const { stages, options, cancel } = setup();
    const run = stages.run('docker', options, () => new Promise(() => {}));
    cancel.abort();
    await expect(run).rejects.toMatchObject({ code: 'engine.start-cancelled' });
  });

  it('hands what comes when the start has been given up to whoever lets go of it', async () => {
    const { stages, cancel, options } = setup();
    const late: string[] = [];
    let come = (_thing: string): void => undefined;
    const letGo = (thing: string) => late.push(thing);
    const run = stages.run(
      'network',
      { ...options, letGo },
      () => new Promise<string>((resolve) => (come = resolve)),
    );
    cancel.abort();
    await expect(run).rejects.toMatchObject({ code: 'engine.start-cancelled' });
    come('a network');
    await Promise.resolve();
    await expect(stages.run('disk', setup().options, async () => 'a disk')).resolves.toBe('a disk');
    expect(late).toEqual(['a network']);
  });

  it('hears no more of a stage that has ended, whose work goes on', async () => {
    const { stages, seen, options, cancel } = setup();
    let late = (_text: string) => {};
    const run = stages.run('image', options, (voice) => {
      late = (text) => {
        voice.waitsFor(text);
        voice.note(text);
      };
      return new Promise(() => {});
    });
    cancel.abort();
    await expect(run).rejects.toMatchObject({ code: 'engine.start-cancelled' });
    const before = [...seen];
    late('composed');
    expect(seen).toEqual(before);
  });
});
