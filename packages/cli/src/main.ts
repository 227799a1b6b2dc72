#!/usr/bin/env node
import { basename } from 'node:path';
import { OrlopError } from '@orlop/core';
import { CommanderError } from 'commander';
import { linuxkitArguments, linuxkitEnvironment, linuxkitProgram } from './commands/linuxkit.ts';
import { reportLinuxkitError } from './commands/linuxkit-messages.ts';
import { createContext } from './context.ts';
import { orlopProgram } from './program.ts';
import { reportError } from './report-error.ts';

const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (interrupt.signal.aborted) process.exit(130);
    interrupt.abort(new OrlopError('cli.interrupted', 'cancelled', `stopped by ${name}`));
  });
}
// A reader that went away (`orlop … | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const { signal } = interrupt;
const words = process.argv.slice(2);
// A launcher in between says under which name it was started itself.
const startedAs = basename(process.env['ORLOP_STARTED_AS'] ?? process.argv[1] ?? '').replace(/\.mjs$/, '');
if (startedAs === 'linuxkit') await runAsLinuxkit();
else await runAsOrlop();

async function runAsOrlop(): Promise<void> {
  try {
    await orlopProgram(createContext(process, { signal })).parseAsync(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else process.exitCode = reportError(error, (text) => process.stderr.write(text));
  }
}

async function runAsLinuxkit(): Promise<void> {
  try {
    const { globals, rest } = linuxkitArguments(words);
    const context = createContext(process, { signal, env: linuxkitEnvironment(process.env, globals) });
    const program = linuxkitProgram(context, globals);
    await program.parseAsync(rest(program), { from: 'user' });
  } catch (error) {
    process.exitCode = reportLinuxkitError(error, process);
  }
}
