import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '@orlop/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { runMachineCommand } from './machine-command.ts';

const script = fileURLToPath(new URL('../../../pkg/docker/engine-exec', import.meta.url));
const TOKEN = 'abcdef';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** The machine's own script behind a socket, which it is given as nc gives it; the daemon says the token. */
async function setup({ token = TOKEN } = {}) {
  const folder = await temporaryFolder();
  closers.push(() => folder.remove());
  const engine = join(folder.path, 'engine');
  await mkdir(engine);
  await writeFile(join(engine, 'agent'), `2377\n${TOKEN}\n`);
  const words = (await readFile(script, 'utf8'))
    .replaceAll('/run/engine', engine)
    .replaceAll('/root', folder.path);
  const inner = join(folder.path, 'inner.sock');
  await writeFile(join(folder.path, 'engine-exec'), words);
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    const shell = spawn('sh', [join(folder.path, 'engine-exec')], { stdio: ['pipe', 'pipe', 'ignore'] });
    shell.stdin.on('error', () => undefined);
    client.on('error', () => undefined);
    shell.stdin.write(`${token}/`);
    client.pipe(shell.stdin);
    shell.stdout.pipe(client);
    client.on('close', () => shell.stdin.destroy());
    client.resume();
  });
  await listen(server, inner);
  const run = async (
    command: string,
    {
      stdin = Readable.from([]),
      signal = new AbortController().signal,
    }: {
      readonly stdin?: Readable;
      readonly signal?: AbortSignal;
    } = {},
  ) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const [out, err] = [buffer(stdout), text(stderr)];
    try {
      const status = await runMachineCommand({ socket: inner, command, stdin, stdout, stderr, signal });
      stdout.end();
      stderr.end();
      return { status, stdout: await out, stderr: await err };
    } finally {
      stdout.end();
      stderr.end();
    }
  };
  return { run, folder: folder.path, left: () => readdir(join(engine, 'exec')) };
}

function listen(server: Server, path: string): Promise<void> {
  closers.push(() => new Promise((closed) => void server.close(closed)));
  return new Promise((listening) => server.listen(path, listening));
}

describe('runMachineCommand', () => {
  it('hands on output, errors and exit status, each by itself', async () => {
    const { run, left } = await setup();
    const ran = await run('echo out; echo err >&2; exit 7');
    expect([ran.status, ran.stdout.toString(), ran.stderr]).toEqual([7, 'out\n', 'err\n']);
    expect((await run("printf 'no end of line\\0' >&2")).stderr).toBe('no end of line\0');
    expect((await run('kill -TERM $$')).status).toBe(143);
    expect((await run('nosuchcommand')).status).toBe(127);
    await expect.poll(left, { timeout: 10_000 }).toEqual([]);
  });

  it('takes a command as it is, with quotes, lines and any bytes', async () => {
    const { run } = await setup();
    const said = await run("echo 'it''s'; printf '%s|' a 'b c' \"$((1+1))\" 'ä\n'\n");
    expect(said.stdout.toString()).toBe('its\na|b c|2|ä\n|');
  });

  it('carries megabytes in and out, and the end of the input', async () => {
    const { run } = await setup();
    const bytes = Buffer.alloc(3_000_000, 'orlop ');
    const ran = await run('cat; echo read >&2', { stdin: Readable.from([bytes]) });
    expect(ran.stdout.equals(bytes)).toBe(true);
    expect([ran.status, ran.stderr]).toEqual([0, 'read\n']);
  });

  it('ends when the command does, although its input goes on', async () => {
    const { run } = await setup();
    expect((await run('exit 3', { stdin: new PassThrough() })).status).toBe(3);
  });

  it('ends the command and what it has started when it is given up', async () => {
    const { run, folder, left } = await setup();
    const cancel = new AbortController();
    const mark = join(folder, 'mark');
    const running = run(`sleep 1000 & echo $! >${mark}; wait`, {
      stdin: new PassThrough(),
      signal: cancel.signal,
    });
    const pid = async () => (await readFile(mark, 'utf8').catch(() => '')).trim();
    await expect.poll(pid, { timeout: 20_000 }).not.toBe('');
    const sleeper = await pid();
    expect(existsSync(`/proc/${sleeper}`)).toBe(true);
    cancel.abort(new Error('given up'));
    await expect(running).rejects.toThrow('given up');
    await expect.poll(() => isAlive(sleeper), { timeout: 20_000 }).toBe(false);
    await expect.poll(left, { timeout: 20_000 }).toEqual([]);
  });

  it('runs nothing for who does not know the token', async () => {
    const { run, folder } = await setup({ token: 'another' });
    await expect(run(`touch ${folder}/ran`)).rejects.toMatchObject({ code: 'engine.command-failed' });
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });
});

/** A zombie is not. */
async function isAlive(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !/\) Z /.test(stat);
}
