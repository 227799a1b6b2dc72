import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const PROGRAM = `
import { abortBySignals } from ${JSON.stringify(join(import.meta.dirname, 'interrupts.ts'))};
import { appendFileSync, existsSync, open } from 'node:fs';
const interrupt = new AbortController();
abortBySignals(process, interrupt);
const say = (text) => appendFileSync(process.argv[2], text + '\\n');
const neverAnswered = process.argv[3];
interrupt.signal.addEventListener('abort', () => {
  say(interrupt.signal.reason.message);
  if (neverAnswered === undefined) process.exit(3);
});
process.on('exit', () => say('left'));
if (neverAnswered !== undefined) open(neverAnswered, 'r', () => {});
process.on('SIGHUP', () => say('hangup'));
setInterval(() => existsSync(process.argv[2] + '.end') && process.exit(0), 20);
say('pid ' + process.pid);
`;

describe('abortBySignals', () => {
  let folder: TemporaryFolder;
  let program: string;
  beforeAll(async () => {
    folder = await temporaryFolder('interrupts');
    program = join(folder.path, 'program.mjs');
    const entry = { contents: PROGRAM, resolveDir: import.meta.dirname, loader: 'ts' as const };
    await build({ stdin: entry, bundle: true, format: 'esm', platform: 'node', outfile: program });
  });
  afterAll(() => folder.remove());

  const said = (log: string, words: string) =>
    expect.poll(() => readLog(log), { timeout: 10_000 }).toContain(words);

  it('tidies up when its terminal closes', async () => {
    const log = join(folder.path, 'shown');
    // script(1) gives it a terminal, and closes that with its own end.
    const child = spawn('script', ['-qec', `${process.execPath} ${program} ${log}`, '/dev/null']);
    await said(log, 'pid');
    await end(child, 'SIGKILL');
    await said(log, 'stopped by SIGHUP');
  });

  it('goes on without one, as after nohup, until it is ended', async () => {
    const log = join(folder.path, 'apart');
    const child = spawn(process.execPath, [program, log], { stdio: 'ignore' });
    await said(log, 'pid');
    child.kill('SIGHUP');
    await said(log, 'hangup');
    await writeFile(`${log}.end`, '');
    expect(await end(child)).toEqual([0, null]);
  });

  it('tidies up when it is told to end', async () => {
    const log = join(folder.path, 'told');
    const child = spawn(process.execPath, [program, log], { stdio: 'ignore' });
    await said(log, 'pid');
    expect(await end(child, 'SIGTERM')).toEqual([3, null]);
    await said(log, 'stopped by SIGTERM');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'ends at once by a second %s, though the system leaves a call unanswered',
    async (name) => {
      const fifo = join(folder.path, `${name}.fifo`);
      execFileSync('mkfifo', [fifo]);
      const log = join(folder.path, name);
      const child = spawn(process.execPath, [program, log, fifo], { stdio: 'ignore' });
      const killed = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await said(log, 'pid');
      child.kill(name);
      await said(log, `stopped by ${name}`);
      expect(await end(child, name)).toEqual([null, name]);
      clearTimeout(killed);
      await said(log, 'left');
    },
  );
});

const readLog = (log: string) => readFile(log, 'utf8').catch(() => '');

async function end(child: ChildProcess, signal?: NodeJS.Signals): Promise<unknown> {
  const ended = once(child, 'exit');
  if (signal !== undefined) child.kill(signal);
  return child.exitCode === null ? ended : [child.exitCode, child.signalCode];
}
