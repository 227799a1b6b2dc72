import { delimiter } from 'node:path';
import type { OrlopError } from '@orlop/core';
import type { Command } from 'commander';
import { cliError } from '../errors.ts';

/** LinuxKit's flags that stand anywhere on its command line. */
export interface LinuxkitGlobals {
  readonly cache?: string;
  readonly mirrors: readonly string[];
  readonly certFiles: readonly string[];
  readonly quiet: boolean;
  /** 0 says nothing, 1 what is done, 2 and 3 more. */
  readonly verbose: number;
}

export interface LinuxkitArguments {
  readonly globals: LinuxkitGlobals;
  /** What is left, in the spelling of the commands of `program`. */
  rest(program: Command): readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Takes the global flags out of a command line in the manner of Go's pflag: `--flag=value` or `--flag value`; and with
 * one dash, as LinuxKit had them before its version 1.
 */
export function linuxkitArguments(words: readonly string[]): LinuxkitArguments {
  let globals: LinuxkitGlobals = { mirrors: [], certFiles: [], quiet: false, verbose: 1 };
  const rest: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--') {
      rest.push(...words.slice(at));
      break;
    }
    const [, flag = '', given] = /^(-[qv]|--?[a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
    const value = () => given ?? words[++at] ?? missing(flag);
    switch (flag.replace(/^-(?=[a-z]{2})/, '--')) {
      case '--cache':
        globals = { ...globals, cache: value() };
        break;
      case '--mirror':
        globals = { ...globals, mirrors: [...globals.mirrors, value()] };
        break;
      case '--cert-file':
        globals = { ...globals, certFiles: [...globals.certFiles, value()] };
        break;
      case '-q':
      case '--quiet':
        globals = { ...globals, quiet: given === undefined || parseBoolean(given, flag) };
        break;
      case '-v':
      case '--verbose': {
        // It had no level once: scripts of that time say `-v` alone.
        const level = given ?? (/^[0-3]$/.test(words[at + 1] ?? '') ? words[++at] : '2');
        globals = { ...globals, verbose: parseLevel(level ?? '2') };
        break;
      }
      default:
        rest.push(word);
    }
  }
  return {
    globals,
    rest: (program) => {
      const words = spellBooleans(spellDashes(rest, program), booleanFlags(program));
      return flagsBehindCommands(words, program);
    },
  };
}

/** What the globals and LinuxKit's variables mean to Orlop's commands. */
export function linuxkitEnvironment(env: Environment, globals: LinuxkitGlobals): Environment {
  const cache = globals.cache ?? env['LINUXKIT_CACHE'] ?? env['ORLOP_CACHE'];
  const organisation = env['LINUXKIT_PKG_ORG'] ?? env['ORLOP_PKG_ORG'];
  const mirrors = globals.mirrors.length > 0 ? globals.mirrors.join(',') : env['LINUXKIT_MIRROR'];
  const levels = ['error', 'warn', 'info', 'debug'];
  return {
    ...env,
    ORLOP_CACHE: cache,
    ORLOP_PKG_ORG: organisation,
    ORLOP_MIRROR: mirrors ?? env['ORLOP_MIRROR'],
    ORLOP_CERT_FILE: [
      ...globals.certFiles,
      ...(env['ORLOP_CERT_FILE'] === undefined ? [] : [env['ORLOP_CERT_FILE']]),
    ].join(delimiter),
    // What a command leaves running in the background is started as Orlop.
    ORLOP_STARTED_AS: 'orlop',
    ORLOP_LOG: globals.quiet ? 'error' : levels[globals.verbose],
  };
}

/**
 * pflag takes the flags of a command before its name, too: `pkg --org me build DIR` is `pkg build --org me DIR`. What
 * stands before a command of a group goes behind the last of the commands' names.
 */
function flagsBehindCommands(words: readonly string[], program: Command): readonly string[] {
  const names: string[] = [];
  const flags: string[] = [];
  const withValue = valueFlags(program);
  let at = 0;
  for (let command: Command | undefined = program; command !== undefined && at < words.length; ) {
    const word = words[at] ?? '';
    if (command.commands.length === 0 || word === '--') break;
    if (word.startsWith('-')) {
      if (/^(-h|--help)$/.test(word)) break;
      flags.push(word);
      at++;
      if (withValue.has(word) && at < words.length) flags.push(words[at++] ?? '');
      continue;
    }
    command = command.commands.find((child) => child.name() === word || child.aliases().includes(word));
    if (command === undefined) break;
    names.push(word);
    at++;
  }
  return [...names, ...flags, ...words.slice(at)];
}

/** `-flag` is `--flag`, if there is one of that name: scripts have both, and one command line may. */
function spellDashes(words: readonly string[], program: Command): readonly string[] {
  const withValue = valueFlags(program);
  const without = booleanFlags(program);
  const known = new Set([...withValue, ...without]);
  const spelt: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--') return [...spelt, ...words.slice(at)];
    const [flag = ''] = word.split('=', 1);
    const isOld = /^-[a-z]/.test(flag) && !known.has(flag) && known.has(`-${flag}`);
    const now = isOld ? `-${word}` : word;
    spelt.push(now);
    // What follows is its value, unless another command has a flag of this name without one.
    if (withValue.has(now) && !without.has(now) && at + 1 < words.length) spelt.push(words[++at] ?? '');
  }
  return spelt;
}

/** `--flag=true` is `--flag`, and `--flag=false` nothing, for flags without a value. */
function spellBooleans(words: readonly string[], booleans: ReadonlySet<string>): readonly string[] {
  const end = words.indexOf('--');
  return words.flatMap((word, at) => {
    if (end !== -1 && at > end) return [word];
    const [, flag = '', value = ''] = /^(--[a-z0-9-]+)=(.*)$/s.exec(word) ?? [];
    if (!booleans.has(flag)) return [word];
    return parseBoolean(value, flag) ? [flag] : [];
  });
}

function booleanFlags(command: Command): ReadonlySet<string> {
  const own = command.options
    .filter(({ required, optional }) => !required && !optional)
    .flatMap(({ long }) => long ?? []);
  return new Set([...own, ...command.commands.flatMap((child) => [...booleanFlags(child)])]);
}

function valueFlags(command: Command): ReadonlySet<string> {
  const own = command.options
    .filter(({ required }) => required)
    .flatMap(({ short, long }) => [short ?? '', long ?? '']);
  return new Set([...own, ...command.commands.flatMap((child) => [...valueFlags(child)])]);
}

/** Go's strconv.ParseBool. */
function parseBoolean(text: string, flag: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw wrong(`invalid argument "${text}" for "${flag}" flag: it is neither true nor false`);
}

function parseLevel(text: string): number {
  if (/^[0-3]$/.test(text)) return Number(text);
  throw wrong(`invalid argument "${text}" for "-v, --verbose" flag: 0 to 3`);
}

function missing(flag: string): never {
  throw wrong(`flag needs an argument: ${flag}`);
}

function wrong(message: string): OrlopError {
  return cliError('cli.bad-option', message);
}
