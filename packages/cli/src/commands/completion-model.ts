import type { Command, Option } from 'commander';

/** A command as a completion script sees it. */
export interface CompletedCommand {
  /** `cache export`; empty for the program itself. */
  readonly path: string;
  readonly subcommands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly CompletedOption[];
  /** Words that its first argument can be; others are files. */
  readonly words: readonly string[];
}

export interface CompletedOption {
  readonly long: string | undefined;
  readonly short: string | undefined;
  readonly summary: string;
  /** What follows: nothing, one of these words, a folder, or anything, completed as a file. */
  readonly value:
    | { readonly kind: 'none' | 'file' | 'folder' }
    | { readonly kind: 'words'; readonly words: readonly string[] };
}

/**
 * The program and all commands below it, in the order of `--help`. Hidden ones are left out, aliases are not.
 * @param words for options whose words the program does not say itself, by `build --format`
 */
export function describeCommands(
  program: Command,
  words: ReadonlyMap<string, readonly string[]> = new Map(),
): readonly CompletedCommand[] {
  return describe(program, '', words);
}

function describe(
  command: Command,
  path: string,
  words: ReadonlyMap<string, readonly string[]>,
): readonly CompletedCommand[] {
  const help = command.createHelp();
  const children = help.visibleCommands(command).filter((child) => child.name() !== 'help');
  const named = children.flatMap((child) =>
    [child.name(), ...child.aliases()].map((name) => ({ name, child })),
  );
  const own: CompletedCommand = {
    path,
    subcommands: named.map(({ name, child }) => ({ name, summary: child.description() })),
    options: help.visibleOptions(command).map((option) => describeOption(option, path, words)),
    words: command.registeredArguments[0]?.argChoices ?? [],
  };
  return [
    own,
    ...named.flatMap(({ name, child }) => describe(child, path === '' ? name : `${path} ${name}`, words)),
  ];
}

function describeOption(
  option: Option,
  path: string,
  words: ReadonlyMap<string, readonly string[]>,
): CompletedOption {
  const { long, short, description: summary } = option;
  const choices = option.argChoices ?? words.get(`${path} ${long}`);
  const takesFolder = /<(folder|dir)>/.test(option.flags);
  const value: CompletedOption['value'] = !(option.required || option.optional)
    ? { kind: 'none' }
    : choices !== undefined
      ? { kind: 'words', words: choices }
      : { kind: takesFolder ? 'folder' : 'file' };
  return { long, short, summary, value };
}
