import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createContext } from '../context.ts';
import { orlopProgram } from '../program.ts';
import { describeCommands } from './completion-model.ts';
import { completionScripts } from './completion-scripts.ts';

const program = orlopProgram(createContext(process, { signal: new AbortController().signal }));

function everyCommand(command: Command, path: readonly string[] = []): (readonly [string, Command])[] {
  return [
    [path.join(' '), command],
    ...command.commands.flatMap((child) => everyCommand(child, [...path, child.name()])),
  ];
}

describe('every command, hidden ones too', () => {
  it.each(everyCommand(program))(
    'orlop %s says what it does, and each of its options and arguments',
    (_, command) => {
      expect(command.description()).toMatch(/\S/);
      const silent = [...command.options, ...command.registeredArguments].filter(
        ({ description }) => !/\S/.test(description),
      );
      expect(silent.map((one) => ('flags' in one ? one.flags : one.name()))).toEqual([]);
      const help = command.helpInformation();
      expect(help).toMatch(/^Usage: orlop/);
      const shown = command.createHelp();
      for (const { flags } of shown.visibleOptions(command)) expect(help).toContain(flags);
      for (const child of shown.visibleCommands(command)) expect(help).toContain(child.name());
    },
  );
});

/** What is typed, and all that must be offered there. */
interface Place {
  readonly typed: readonly string[];
  readonly offered: readonly string[];
}

const places: readonly Place[] = describeCommands(program).flatMap(
  ({ path, subcommands, options, words }) => {
    const at = path === '' ? [] : path.split(' ');
    const choices = options.flatMap(({ long, value }): Place[] =>
      value.kind === 'words' && long !== undefined
        ? [{ typed: [...at, long, ''], offered: value.words }]
        : [],
    );
    return [
      { typed: [...at, ''], offered: [...subcommands.map(({ name }) => name), ...words] },
      {
        typed: [...at, '-'],
        offered: options.flatMap(({ long, short }) => [long, short].filter((flag) => flag !== undefined)),
      },
      ...choices,
    ].filter(({ offered }) => offered.length > 0);
  },
);

/** Each reads places from its input, one a line with words parted by tabs, and prints what is offered there and "--". */
const shells = {
  bash: `source "$0"; while IFS= read -r line; do IFS=$'\\t' read -r -d '' -a COMP_WORDS < <(printf '%s\\0' "$line")
      [[ $line == *$'\\t' ]] && COMP_WORDS+=(''); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _orlop
      printf '%s\\n' "\${COMPREPLY[@]}" ==; done`,
  zsh: `_describe() { print -l -- \${(P)2} }; compdef() { }; compadd() { shift; print -l -- "$@" }; _files() { }
      source "$0"; while IFS= read -r line; do words=("\${(@ps:\\t:)line}"); CURRENT=$#words; _orlop; print '=='; done`,
  fish: `source $argv[1]; while read -l line; complete -C (string replace -a \\t ' ' -- $line); echo ==; end`,
} as const;

describe('completion', () => {
  let folder: TemporaryFolder;

  beforeAll(async () => {
    folder = await temporaryFolder('cli-completion-all');
  });
  afterAll(() => folder.remove());

  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    it.skipIf(spawnSync(shell, ['-c', 'true']).status !== 0)(
      `by ${shell} offers every subcommand, option and choice where it belongs`,
      async () => {
        const file = join(folder.path, shell);
        await writeFile(file, completionScripts[shell]('orlop', describeCommands(program)));
        const words =
          shell === 'fish'
            ? ['--no-config', '-c', shells.fish, file]
            : [shell === 'zsh' ? '-fc' : '-c', shells[shell], file];
        const { stdout, stderr } = spawnSync(shell, words, {
          input: places.map(({ typed }) => `${['orlop', ...typed].join('\t')}\n`).join(''),
          encoding: 'utf8',
          env: { ...process.env, HOME: folder.path },
        });
        expect(stderr).toBe('');
        const answers = stdout.split(/^==$/m).slice(0, -1);
        expect(answers).toHaveLength(places.length);
        const missing = places.flatMap(({ typed, offered }, at) => {
          const found = new Set((answers[at] ?? '').split('\n').map((row) => row.replace(/[:\t].*$/, '')));
          return offered.filter((one) => !found.has(one)).map((one) => `${typed.join(' ')} → ${one}`);
        });
        expect(missing).toEqual([]);
      },
    );
  }
});
