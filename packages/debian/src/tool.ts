import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { OrlopError, untilDrained } from '@orlop/core';
import { debianError } from './errors.ts';

export interface ToolOptions {
  readonly signal?: AbortSignal | undefined;
  readonly cwd?: string;
  /** Added to the environment of this process; the locale is always C. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to the tool's standard input, which is closed otherwise. */
  readonly input?: AsyncIterable<Uint8Array>;
  /** Called with each line of standard output, as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface ToolResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How much of a tool's standard error is kept for the message of a failure. */
const STDERR_LIMIT = 16 * 1024;

/** Debian package that brings each host tool, for the hint when one is missing. */
const TOOL_PACKAGES: Readonly<Record<string, string>> = {
  'apt-get': 'apt',
  'apt-cache': 'apt',
  'apt-config': 'apt',
  'dpkg-deb': 'dpkg',
  flock: 'util-linux',
  git: 'git',
  xz: 'xz-utils',
};

/**
 * Runs a host tool to its end.
 *
 * @throws OrlopError `debian.tool-missing` when it is not installed, the signal's reason when aborted. An exit
 * status other than 0 is a result, not a failure.
 */
export async function runTool(
  command: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const child = start(command, args, options);
  const stdout: string[] = [];
  const errors = collectErrors(child);
  const reading = readLines(child.stdout as Readable, (line) => {
    stdout.push(line);
    options.onLine?.(line);
  });
  const writing = feed(child, options.input);
  const [status] = await Promise.all([ended(command, child, options.signal), reading, writing]);
  return { status, stdout: stdout.join('\n'), stderr: errors.text() };
}

/**
 * Runs a host tool and streams its standard output. Leaving the loop early ends the tool.
 *
 * @throws OrlopError `debian.tool-failed` at the end of the stream when the exit status is not 0.
 */
export async function* streamTool(
  command: string,
  args: readonly string[],
  options: ToolOptions = {},
): AsyncIterable<Uint8Array> {
  const child = start(command, args, options);
  const errors = collectErrors(child);
  const end = ended(command, child, options.signal);
  // Both are awaited below; without this a failure while the reader pauses would count as unhandled.
  end.catch(() => {});
  const writing = feed(child, options.input);
  // A tool whose input breaks off would wait for the rest of it.
  writing.catch(() => child.kill('SIGTERM'));
  let whole = false;
  try {
    for await (const chunk of child.stdout as Readable) yield chunk as Uint8Array;
    whole = true;
  } finally {
    if (!whole) child.kill('SIGTERM');
  }
  await writing;
  const status = await end;
  if (status !== 0) throw toolFailed(command, { status, stdout: '', stderr: errors.text() });
}

/** The failure that a tool's exit status stands for. */
export function toolFailed(command: string, result: ToolResult): OrlopError {
  const said = result.stderr.trim().split('\n').slice(-5).join('; ');
  return debianError(
    'debian.tool-failed',
    `${command} ended with status ${result.status}${said === '' ? '' : `: ${said}`}`,
  );
}

function start(command: string, args: readonly string[], options: ToolOptions): ChildProcess {
  options.signal?.throwIfAborted();
  return spawn(command, args, {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', LANGUAGE: '', ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
}

function ended(command: string, child: ChildProcess, signal: AbortSignal | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const abort = () => child.kill('SIGTERM');
    signal?.addEventListener('abort', abort, { once: true });
    child.on('error', (cause: NodeJS.ErrnoException) => {
      signal?.removeEventListener('abort', abort);
      reject(startFailed(command, cause));
    });
    child.on('close', (status, killedBy) => {
      signal?.removeEventListener('abort', abort);
      if (signal?.aborted) reject(abortReason(signal));
      // The shell's convention for a death by a signal, whose number nobody reads.
      else resolve(status ?? (killedBy === null ? 1 : 128));
    });
  });
}

/** That a host tool cannot be run at all. */
export function startFailed(command: string, cause: NodeJS.ErrnoException): OrlopError {
  if (cause.code !== 'ENOENT') {
    return debianError('debian.tool-failed', `${command} cannot be started`, { cause });
  }
  const from = TOOL_PACKAGES[command];
  return debianError('debian.tool-missing', `${command} is not installed on this machine`, {
    hint: from === undefined ? `install ${command}` : `on Debian: apt-get install ${from}`,
    cause,
  });
}

/** What work fails with that a signal has stopped. */
export function abortReason(signal: AbortSignal): OrlopError {
  return signal.reason instanceof OrlopError
    ? signal.reason
    : debianError('debian.cancelled', 'the build was stopped', { cause: signal.reason });
}

/** Reads a tool's standard error; the end of it is kept. */
export function collectErrors(child: ChildProcess): { text(): string } {
  let text = '';
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', (chunk: string) => {
    text = (text + chunk).slice(-STDERR_LIMIT);
  });
  return { text: () => text };
}

async function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  let rest = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const lines = (rest + (chunk as string)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  }
  if (rest !== '') onLine(rest);
}

/** Writes the input with backpressure; a tool that closes its input early says why by its exit status. */
async function feed(child: ChildProcess, input: AsyncIterable<Uint8Array> | undefined): Promise<void> {
  const stdin = child.stdin;
  if (input === undefined || stdin === null) return;
  let broken = false;
  stdin.on('error', () => {
    broken = true;
  });
  for await (const chunk of input) {
    if (broken || stdin.destroyed) return;
    if (!stdin.write(chunk)) await untilDrained(stdin);
  }
  stdin.end();
}
