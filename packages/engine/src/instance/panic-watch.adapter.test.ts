import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PanicWatch } from './panic-watch.ts';

const PANIC = '[   12.345678] Kernel panic - not syncing: sysrq triggered crash\r\n';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let panics: PanicWatch;
let reasons: string[];
const machine = { isRunning: true, answers: true, asked: 0 };
const log = () => join(folder.path, 'console.log');

beforeEach(async () => {
  folder = await temporaryFolder();
  await writeFile(log(), 'booting\n');
  reasons = [];
  Object.assign(machine, { isRunning: true, answers: true, asked: 0 });
  panics = new PanicWatch({
    consoleLog: log(),
    isRunning: () => machine.isRunning,
    answers: async () => {
      machine.asked++;
      return machine.answers;
    },
    onPanic: (reason) => reasons.push(reason),
    onError: (error) => reasons.push(String(error)),
  });
});
afterEach(async () => {
  panics.stop();
  await folder.remove();
});

describe('PanicWatch', () => {
  it('tells once with which reason a kernel gave up that does not answer any more', async () => {
    machine.answers = false;
    panics.start();
    await appendFile(log(), 'somebody logs in\n');
    await appendFile(log(), PANIC);
    await expect.poll(() => reasons).toEqual(['sysrq triggered crash']);
    await appendFile(log(), PANIC);
    expect(machine.asked).toBe(1);
  });

  it('finds what was said before it looked', async () => {
    await appendFile(log(), PANIC);
    machine.answers = false;
    panics.start();
    await expect.poll(() => reasons).toEqual(['sysrq triggered crash']);
  });

  it('takes the words of a machine that answers for words, and hears the next', async () => {
    panics.start();
    await appendFile(log(), PANIC);
    await expect.poll(() => machine.asked).toBe(1);
    machine.answers = false;
    await appendFile(log(), PANIC.replace('sysrq triggered crash', 'Attempted to kill init!'));
    await expect.poll(() => reasons).toEqual(['Attempted to kill init!']);
  });

  it('says that a log which is not there cannot be watched, and stops nothing else', async () => {
    await rm(log());
    panics.start();
    expect(reasons).toEqual([expect.stringContaining('ENOENT')]);
  });

  it('concludes nothing of a machine that stands still', async () => {
    machine.isRunning = false;
    machine.answers = false;
    panics.start();
    await appendFile(log(), PANIC);
    machine.isRunning = true;
    await appendFile(log(), 'more\n');
    await expect.poll(() => reasons).toEqual(['sysrq triggered crash']);
    expect(machine.asked).toBe(1);
  });
});
