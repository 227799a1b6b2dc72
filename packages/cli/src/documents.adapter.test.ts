import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
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
      commandsIn(line, path).map((text) => ({ place: `${path}:${i + 1}`, words: split(text) })),
    );
  });
}

function commandsIn(line: string, path: string): readonly string[] {
  const block = path.endsWith('.ts') ? null : /^(?: {4,}|\$ |# )?(?:\.\/)?orlop ([a-z].*)$/.exec(line);
  if (block?.[1] !== undefined && (/^ {4}|^\$|^#/.test(line) || !/[.,;]$/.test(line))) return [block[1]];
  return [...line.matchAll(/`(?:\.\/)?orlop ([a-z][^`]*)`/g)].map((found) => found[1] ?? '');
}

/** Up to what the shell makes of it: a comment, a pipe, another command. */
function split(text: string): readonly string[] {
  const [own = ''] = text.split(/\s+#|\\?[|;&>]|\\$|\$\(/);
  return own.trim().split(/\s+/);
}

/** What is wrong with a command line; undefined when each word is known. */
function wrong(words: readonly string[]): string | undefined {
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
  return unknown.length === 0 ? undefined : `no option ${unknown.join(' ')}`;
}

describe('the documents and the hints', () => {
  it('name commands and options that there are', () => {
    expect(wrong(['net', 'nothing'])).toBe('no command "nothing"');
    expect(wrong(['net', 'up', '--nothing=1'])).toBe('no option --nothing');
    const found = mentions();
    expect(found.length).toBeGreaterThan(200);
    const bad = found.flatMap(({ place, words }) => {
      const problem = wrong(words);
      return problem === undefined ? [] : [`${place}: ${problem}: orlop ${words.join(' ')}`];
    });
    expect(bad).toEqual([]);
  });
});
