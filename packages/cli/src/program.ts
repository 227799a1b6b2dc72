import { Command, Help, type Option } from 'commander';
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
    .configureHelp({ optionDescription: describeOption })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'orlop: ')) });
  for (const register of commands) register(program, context);
  return program;
}

/** Commander's words without `(default: [])` behind options that may be given many times or not at all. */
export function describeOption(option: Option): string {
  const isEmptyList = Array.isArray(option.defaultValue) && option.defaultValue.length === 0;
  return isEmptyList ? option.description : new Help().optionDescription(option);
}
