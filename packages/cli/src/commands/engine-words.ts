import type { Command } from 'commander';

/** Adds a word below a command that is about one engine, such as `create` to `orlop snapshot`. */
export function engineWord(command: Command, { text, summary, argumentSummaries = {} }: EngineWord): Command {
  const added = command.command(text);
  for (const argument of added.registeredArguments)
    argument.description = argumentSummaries[argument.name()] ?? '';
  return added
    .description(summary)
    .option('--engine <name>', 'of this engine', 'default')
    .option('--json', 'print as JSON');
}

interface EngineWord {
  /** With its arguments, as commander has them. */
  readonly text: string;
  readonly summary: string;
  /** What each argument is, by its name. */
  readonly argumentSummaries?: Readonly<Record<string, string>>;
}
