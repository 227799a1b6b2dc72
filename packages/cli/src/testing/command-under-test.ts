import { PassThrough } from 'node:stream';
import { silentLogger } from '@orlop/core';
import { type CommandContext, statePaths } from '../context.ts';
import { orlopProgram } from '../program.ts';

/** What a command of a test is given: state and working folder in `folder`, nobody at its terminal. */
export function contextIn(
  folder: string,
  signal = new AbortController().signal,
): CommandContext & { readonly stdout: PassThrough } {
  const env = { ORLOP_HOME: folder, SSL_CERT_FILE: '/nonexistent' };
  return {
    ...{ stdout: new PassThrough(), stderr: new PassThrough(), stdin: new PassThrough(), env, cwd: folder },
    signal,
    logger: silentLogger,
    progress: () => {},
    paths: statePaths(env, folder),
  };
}

/** Runs a command line in this process. @returns what it prints */
export async function orlopIn(folder: string, words: readonly string[]): Promise<string> {
  const printed: Uint8Array[] = [];
  const context = contextIn(folder);
  context.stdout.on('data', (chunk) => printed.push(chunk));
  await orlopProgram(context).parseAsync(words, { from: 'user' });
  context.stdout.end();
  return Buffer.concat(printed).toString();
}
