import { OrlopError } from '@orlop/core';
import { Command, CommanderError } from 'commander';
import { commands } from './commands/index.ts';
import { createContext } from './context.ts';
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

const context = createContext(process, interrupt.signal);
const program = new Command('orlop')
  .description(
    'Composes lean Linux images, boots them, and gives them a network, without Docker and without root.',
  )
  .version('0.1.0', '-V, --version')
  .enablePositionalOptions()
  .showHelpAfterError('(add --help for the options)')
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'orlop: ')) });
for (const register of commands) register(program, context);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else process.exitCode = reportError(error, (text) => process.stderr.write(text));
}
