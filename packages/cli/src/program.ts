import { Command, Help, type Option } from 'commander';
import { VERSION } from './build-info.ts';
import { commands } from './commands/index.ts';
import type { CommandContext } from './context.ts';
import { makeHome } from './make-home.ts';

/** They work without a folder for state, or say themselves what is wrong with it. */
const WITHOUT_HOME: ReadonlySet<string> = new Set([
  'completion',
  'doctor',
  'gvproxy',
  'metadata',
  'serve',
  'version',
]);

/** They look at all the others. */
const OF_ALL: ReadonlySet<string> = new Set(['completion']);

/**
 * The command line as `orlop`.
 *
 * @param name - of the command that is to be run: a process that stays, as a network's does, keeps no others
 */
export function orlopProgram(context: CommandContext, name?: string): Command {
  const program = new Command('orlop')
    .description(
      'Composes lean Linux images, boots them, and gives them a network, without Docker and without root.',
    )
    .version(VERSION, '-V, --version')
    .enablePositionalOptions()
    .showHelpAfterError('(add --help for the options)')
    .exitOverride()
    .configureHelp(helpStyle)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'orlop: ')) })
    .hook('preAction', (_, command) => {
      if (!WITHOUT_HOME.has(topOf(command).name())) makeHome(context.paths.home, 'ORLOP_HOME');
    });
  const isAlone = name !== undefined && Object.hasOwn(commands, name) && !OF_ALL.has(name);
  for (const [own, register] of Object.entries(commands)) {
    if (!isAlone || own === name) register(program, context);
  }
  return program;
}

/** The command that stands first on the line. */
function topOf(command: Command): Command {
  return command.parent?.parent == null ? command : topOf(command.parent);
}

/** Commander wraps no column of fewer than 40 characters, which is what 80 leave beside the longer options. */
export const helpStyle = { optionDescription: describeOption, minWidthToWrap: 20 } as const;

/** Commander's words without `(default: [])` behind options that may be given many times or not at all. */
function describeOption(option: Option): string {
  const isEmptyList = Array.isArray(option.defaultValue) && option.defaultValue.length === 0;
  return isEmptyList ? option.description : new Help().optionDescription(option);
}
