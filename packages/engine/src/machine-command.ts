import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { untilDrained } from '@orlop/core';
import { engineError } from './errors.ts';

export interface MachineCommandOptions {
  /** `commandSocket` of its paths. */
  readonly socket: string;
  /** For `sh -c` of the machine. */
  readonly command: string;
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** Ends the command with SIGHUP, and a moment later for good. */
  readonly signal: AbortSignal;
}

/** A NUL and three digits. */
const STATUS_LENGTH = 4;
const GREETING = '+'.charCodeAt(0);

/**
 * Runs a command in an engine's machine, beside dockerd and as root of it (pkg/docker/engine-exec). Streams are carried as
 * they are; the standard output is not ended.
 *
 * @returns its exit status; 128 and the signal's number when a signal ended it
 * @throws OrlopError `engine.command-failed` when the machine does not take it, or goes away meanwhile
 */
export async function runMachineCommand(options: MachineCommandOptions): Promise<number> {
  const { socket, command, stdin, stdout, stderr, signal } = options;
  signal.throwIfAborted();
  const id = randomBytes(8).toString('hex');
  const errors = connect({ path: socket, allowHalfOpen: true });
  const end = () => errors.destroy();
  signal.addEventListener('abort', end, { once: true });
  let run: Socket | undefined;
  try {
    const said = bytesOf(errors);
    errors.write(`status/${id}\n`);
    const first = (await said.next()).value?.[0];
    if (first !== GREETING)
      throw failed('the machine takes no commands; its system may be from before: orlop restart');
    run = connect({ path: socket, allowHalfOpen: true });
    run.write(`run/${id}\n${Buffer.from(command).toString('base64')}\n`);
    const giving = pipeline(stdin, run, { signal }).catch(() => undefined); // a command need not read to the end
    const [status] = await Promise.all([
      carryErrors(said, stderr),
      pipeline(run, stdout, { end: false, signal }),
    ]);
    run.destroy();
    await giving;
    return status;
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof Error && 'code' in cause && cause.code === 'engine.command-failed') throw cause;
    throw failed('the connection to the machine has ended', cause);
  } finally {
    signal.removeEventListener('abort', end);
    errors.destroy();
    run?.destroy();
  }
}

/** Carries all but the last bytes, which are the status. */
async function carryErrors(said: AsyncIterator<Buffer>, stderr: NodeJS.WritableStream): Promise<number> {
  let held: Buffer = Buffer.alloc(0);
  for (;;) {
    const { value, done } = await said.next();
    if (done === true) break;
    held = Buffer.concat([held, value]);
    const passed = held.subarray(0, Math.max(0, held.length - STATUS_LENGTH));
    held = held.subarray(passed.length);
    if (passed.length > 0 && !stderr.write(passed)) {
      await untilDrained(stderr);
    }
  }
  const status = /^\0(\d{3})$/.exec(held.toString('latin1'))?.[1];
  if (status === undefined)
    throw failed('the command ended without an exit status: the machine went away, or it was killed');
  return Number(status);
}

/** Pieces, of which the first is one byte where more came with it. */
async function* bytesOf(stream: Socket): AsyncGenerator<Buffer> {
  let isFirst = true;
  for await (const piece of stream) {
    const bytes = piece as Buffer;
    if (isFirst) yield bytes.subarray(0, 1);
    if (!isFirst) yield bytes;
    else if (bytes.length > 1) yield bytes.subarray(1);
    isFirst = false;
  }
}

function failed(message: string, cause?: unknown): Error {
  return engineError('engine.command-failed', message, { cause });
}
