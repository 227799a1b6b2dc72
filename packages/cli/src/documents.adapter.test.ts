import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import type { CommandContext } from './context.ts';
import { orlopProgram } from './program.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Registering commands asks nothing of the machine but the variables that give defaults. */
const program = orlopProgram({ env: {}, cwd: '/' } as CommandContext);

/** A command line of Orlop's in the project's own texts. */
interface Mention {
  readonly place: string;
  readonly words: readonly string[];
  /** A line of its own, to be typed as it stands; in backquotes a command may be no more than named. */
  readonly isTyped: boolean;
}

/** Command lines in blocks of code and in backquotes, of documents and of the hints that the programs print. */
function mentions(): readonly Mention[] {
  const files = execFileSync('git', ['ls-files', '*.md', '*.yml', 'packages/*/src/*.ts'], { cwd: root })
    .toString()
    .split('\n')
    .filter((path) => path !== '' && !path.endsWith('.test.ts') && path !== 'docs/reference/cli.md');
  return files.flatMap((path) => {
    const lines = readFileSync(`${root}${path}`, 'utf8').split('\n');
    return lines.flatMap((line, i) =>
      commandsIn(line, path).map(({ text, isTyped }) => ({
        ...{ place: `${path}:${i + 1}`, words: split(text), isTyped },
      })),
    );
  });
}

function commandsIn(line: string, path: string): readonly { text: string; isTyped: boolean }[] {
  const block = path.endsWith('.ts') ? null : /^(?: {4,}|\$ |# )?(?:\.\/)?orlop ([a-z].*)$/.exec(line);
  if (block?.[1] !== undefined && (/^ {4}|^\$|^#/.test(line) || !/[.,;]$/.test(line)))
    return [{ text: block[1], isTyped: true }];
  return [...line.matchAll(/`(?:\.\/)?orlop ([a-z][^`]*)`/g)].map(([, text = '']) => ({
    text,
    isTyped: false,
  }));
}

/** Up to what the shell makes of it: a comment, a pipe, another command. */
function split(text: string): readonly string[] {
  const [own = ''] = text.split(/\s+#|\\?[|;&>]|\\$|\$\(/);
  return own.trim().split(/\s+/);
}

/** What is wrong with a command line; undefined when each word is known, and none is missing. */
function wrong(words: readonly string[], isTyped = false): string | undefined {
  let command: Command = program;
  const known = [...program.options];
  let rest = [...words];
  for (let [word] = rest; word !== undefined; [word] = rest) {
    const child = command.commands.find((one) => one.name() === word || one.aliases().includes(word ?? ''));
    if (child === undefined) break;
    command = child;
    known.push(...child.options);
    rest = rest.slice(1);
  }
  if (command === program || (command.commands.length > 0 && /^[a-z]/.test(rest[0] ?? '')))
    return `no command "${rest[0] ?? ''}"`;
  const end = rest.indexOf('--');
  const flags = rest.slice(0, end < 0 ? rest.length : end).filter((word) => /^--?[a-zA-Z]/.test(word));
  const unknown = flags
    .map((flag) => flag.replace(/[=,.:)\]].*$/, ''))
    .filter((flag) => flag !== '--help' && !known.some((one) => one.long === flag || one.short === flag));
  if (unknown.length > 0) return `no option ${unknown.join(' ')}`;
  const required = command.registeredArguments.filter((one) => one.required).length;
  if (!isTyped || rest.includes('--help') || rest.includes('…') || command.commands.length > 0)
    return undefined;
  const given = positional(rest, known).length;
  return given < required ? `${given} of ${required} arguments` : undefined;
}

/** The words that are neither options nor values of options. */
function positional(words: readonly string[], known: readonly Option[]): readonly string[] {
  return words.filter((word, i) => {
    if (/^--?[a-zA-Z]/.test(word)) return false;
    const before = known.find(({ long, short }) => i > 0 && [long, short].includes(words[i - 1]));
    return before === undefined || !before.required;
  });
}

describe('the documents and the hints', () => {
  it('name commands and options that there are', () => {
    expect(wrong(['net', 'nothing'])).toBe('no command "nothing"');
    expect(wrong(['net', 'up', '--nothing=1'])).toBe('no option --nothing');
    expect(wrong(['config', 'set', '--engine', 'x', 'shares'], true)).toBe('1 of 2 arguments');
    const found = mentions();
    expect(found.length).toBeGreaterThan(200);
    const bad = found.flatMap(({ place, words, isTyped }) => {
      const problem = wrong(words, isTyped);
      return problem === undefined ? [] : [`${place}: ${problem}: orlop ${words.join(' ')}`];
    });
    expect(bad).toEqual([]);
  });
});
