import { Command } from 'commander';
import { VERSION } from './build-info.ts';
import { commands } from './commands/index.ts';
import type { CommandContext } from './context.ts';

/** The command line as `orlop`. */
export function orlopProgram(context: CommandContext): Command {
  const program = new Command('orlop')
    .description(
      'Composes lean Linux images, boots them, and gives them a network, without Docker and without root.',
    )
    .version(VERSION, '-V, --version')
    .enablePositionalOptions()
    .showHelpAfterError('(add --help for the options)')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'orlop: ')) });
  for (const register of commands) register(program, context);
  return program;
}
