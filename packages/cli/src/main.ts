#!/usr/bin/env node
import { basename } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { CommanderError } from 'commander';
import { gvproxyArguments } from './commands/gvproxy-arguments.ts';
import { linuxkitArguments, linuxkitEnvironment, linuxkitProgram } from './commands/linuxkit.ts';
import { reportLinuxkitError } from './commands/linuxkit-messages.ts';
import { createContext } from './context.ts';
import { cliError } from './errors.ts';
import { abortBySignals } from './interrupts.ts';
import { orlopProgram } from './program.ts';
import { reportError } from './report-error.ts';

const interrupt = new AbortController();
abortBySignals(process, interrupt);
const readerGone = cliError('cli.reader-gone', 'nobody reads what is printed any more');
// `orlop … | head`: no failure, but nothing more is to be done, and what was begun is tidied up as by Ctrl-C.
// A full file system is a failure, and is tidied up after likewise.
let unprinted: Error | undefined;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') unprinted ??= error;
  interrupt.abort(error.code === 'EPIPE' ? readerGone : error);
});
process.stderr.on('error', () => {});
process.on('uncaughtException', fail);

const { signal } = interrupt;
const words = process.argv.slice(2);
// A launcher in between says under which name it was started itself.
const startedAs = basename(process.env['ORLOP_STARTED_AS'] ?? process.argv[1] ?? '').replace(/\.mjs$/, '');
if (startedAs === 'linuxkit') await runAsLinuxkit();
else if (startedAs === 'gvproxy') await runAsOrlop(['gvproxy', ...gvproxyArguments(words)]);
else if (words[0] === 'gvproxy') await runAsOrlop(['gvproxy', ...gvproxyArguments(words.slice(1))]);
else await runAsOrlop(words);

async function runAsOrlop(words: readonly string[]): Promise<void> {
  try {
    const program = orlopProgram(createContext(process, { signal }), words[0]);
    await program.parseAsync(words, { from: 'user' });
    await setImmediate();
    if (unprinted !== undefined) process.exitCode = report(unprinted);
  } catch (error) {
    // A write that fails says so before its stream does.
    await setImmediate();
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else process.exitCode = report(error);
  }
}

/** @returns the exit status */
function report(error: unknown): number {
  const failure = causeOf(error);
  return failure === readerGone ? 0 : reportError(failure, (text) => process.stderr.write(text));
}

/** What Node throws where a signal aborted it tells less than the signal's reason. */
function causeOf(error: unknown): unknown {
  const isBrokenPipe = error instanceof Error && 'code' in error && error.code === 'EPIPE';
  if (signal.reason === readerGone && isBrokenPipe) return readerGone;
  const aborted = error instanceof Error && (error.name === 'AbortError' || error === signal.reason);
  return signal.aborted && aborted ? signal.reason : error;
}

/** Ends the program where no command is there to catch a failure. */
function fail(error: unknown): void {
  process.exit(report(error));
}

async function runAsLinuxkit(): Promise<void> {
  try {
    const { globals, rest } = linuxkitArguments(words);
    const context = createContext(process, { signal, env: linuxkitEnvironment(process.env, globals) });
    const program = linuxkitProgram(context, globals);
    await program.parseAsync(rest(program), { from: 'user' });
  } catch (error) {
    await setImmediate();
    const failure = causeOf(error);
    process.exitCode = failure === readerGone ? 0 : reportLinuxkitError(failure, process);
  }
}
