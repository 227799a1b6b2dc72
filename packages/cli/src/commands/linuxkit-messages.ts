import { basename } from 'node:path';
import { formatProblem, OrlopError } from '@orlop/core';
import { CommanderError } from 'commander';
import type { CommandContext } from '../context.ts';
import { printable } from '../printable.ts';
import { explain } from '../report-error.ts';
import { systemFailure } from '../system-error.ts';
import type { BuildVoice, ImageBuildOptions } from './build-image.ts';
import { linuxkitMessage, schemaMessage } from './linuxkit-words.ts';

type Output = Pick<CommandContext, 'stdout' | 'stderr'>;

/** Tells of a build on standard error, in the words that scripts for LinuxKit look for. */
export function linuxkitVoice(
  { stderr }: Output,
  options: Pick<ImageBuildOptions, 'o' | 'format' | 'quiet'>,
): BuildVoice {
  let section = '';
  const say = (line: string) => {
    if (!options.quiet) stderr.write(`${line}\n`);
  };
  return {
    step(what, reference) {
      const [, action = '', place = ''] = /^(\S+) ([a-z]+)/.exec(what) ?? [];
      if (place !== section && headings[place] !== undefined) say(`Add ${headings[place]}:`);
      section = place;
      if (action === 'Copy') say(`${what}: ${reference}`);
      else if (place === 'kernel') say(`Extract kernel image: ${reference}`);
      else if (place === 'init') say(`Process init image: ${reference}`);
      else if (place === 'volume') say(`Process volume image: ${reference}`);
      else say(`  Create OCI config for ${reference}`);
    },
    done({ outputs }) {
      const [format] = options.format;
      const plain =
        format === 'tar' || format === 'docker' || (format === undefined && options.o !== undefined);
      if (plain) return;
      say('Create outputs:');
      say(`  ${outputs.map(({ path }) => basename(path)).join(' ')}`);
    },
  };
}

const headings: Readonly<Record<string, string>> = {
  init: 'init containers',
  onboot: 'onboot containers',
  onshutdown: 'onshutdown containers',
  services: 'service containers',
  volume: 'volumes',
};

/** Prints a failure as LinuxKit does. @returns the exit status, which is 1 whatever failed */
export function reportLinuxkitError(thrown: unknown, output: Output): number {
  const error = systemFailure(thrown) ?? thrown;
  const stdout = { write: (text: string) => void output.stdout.write(printable(text)) };
  const stderr = { write: (text: string) => void output.stderr.write(printable(text)) };
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    // Help was printed where there was no command; pflag has that as success.
    if (error.code === 'commander.help') return 0;
    stderr.write(`Error: ${usageMessage(error)}\n`);
    return 1;
  }
  if (!(error instanceof OrlopError)) {
    stderr.write(`Error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  }
  if (error.kind === 'cancelled') {
    stderr.write(`Error: ${error.message}\n`);
    return 130;
  }
  if (error.code === 'kit.invalid-yaml') {
    if (error.problems.every(({ message }) => message === 'the file is empty')) {
      stderr.write('Error: invalid config: EOF\n');
      return 1;
    }
    stdout.write('The configuration file is invalid:\n');
    for (const problem of error.problems) stdout.write(`- ${schemaMessage(problem)}\n`);
    stderr.write('Error: invalid config: invalid configuration file\n');
    for (const problem of error.problems) stderr.write(`  ${formatProblem(problem)}\n`);
    return 1;
  }
  stderr.write(`Error: ${linuxkitMessage(error)}\n`);
  for (const problem of error.problems) stderr.write(`  ${formatProblem(problem)}\n`);
  for (const line of explain(error)) stderr.write(`  ${line}\n`);
  return 1;
}

/** Commander's message in the words of Go's pflag and cobra. */
function usageMessage({ code, message }: CommanderError): string {
  const [, quoted = ''] = /'([^']*)'/.exec(message) ?? [];
  const flag = quoted.replace(/=.*$/s, '');
  switch (code) {
    case 'commander.unknownOption':
      return flag.startsWith('--')
        ? `unknown flag: ${flag}`
        : `unknown shorthand flag: '${flag.slice(1, 2)}' in ${flag}`;
    case 'commander.unknownCommand':
      return `unknown command "${quoted}" for "linuxkit"\nRun 'linuxkit --help' for usage.`;
    case 'commander.optionMissingArgument':
      return `flag needs an argument: ${/--[a-z-]+/.exec(message)?.[0] ?? flag}`;
    case 'commander.missingArgument':
      return `requires at least 1 arg(s), only received 0: <${quoted}>`;
    default:
      return message.replace(/^error: /, '');
  }
}
