import { parseArgs } from 'node:util';

/**
 * What a benchmark was asked for. `--help` prints `usage` and ends the process; a word or value that it does not know
 * ends it with status 2, the word named.
 *
 * @template {Record<string, number | string | boolean | readonly string[] | readonly number[]>} Options
 * @param {string} usage
 * @param {Options} defaults each option's name and what it is otherwise: a number is a whole one from 1, an array what
 *   stands between commas, of strings those that there are
 * @param {{ args?: readonly string[], words?: number }} [more] `words` is how many there may be that are no option
 * @returns {Options & { words: string[] }}
 */
export function readWords(usage, defaults, { args = process.argv.slice(2), words = 0 } = {}) {
  try {
    const options = Object.entries(defaults).map(([name, fallback]) => [
      name,
      { type: typeof fallback === 'boolean' ? 'boolean' : 'string' },
    ]);
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...Object.fromEntries(options), help: { type: 'boolean', short: 'h' } },
    });
    if (values.help) {
      process.stdout.write(`${usage.trim()}\n`);
      process.exit(0);
    }
    if (positionals.length > words) throw new Error(`unknown word "${positionals[words]}"`);
    const read = Object.entries(defaults).map(([name, fallback]) => [
      name,
      values[name] === undefined ? fallback : readValue(`--${name}`, { value: values[name], fallback }),
    ]);
    return { ...Object.fromEntries(read), words: positionals };
  } catch (error) {
    return refuse(usage, error.message);
  }
}

/**
 * The same where the first word says which of several programs is meant; without one it is the first.
 *
 * @param {string} usage
 * @param {Record<string, Parameters<typeof readWords>[1]>} programs
 * @returns {{ name: string, values: Record<string, unknown> }}
 */
export function readProgram(usage, programs) {
  const [word = '', ...rest] = process.argv.slice(2);
  const isNamed = word !== '' && !word.startsWith('-');
  const name = isNamed ? word : Object.keys(programs)[0];
  if (!Object.hasOwn(programs, name)) {
    refuse(usage, `unknown word "${name}": there are ${Object.keys(programs).join(', ')}`);
  }
  const { words, ...values } = readWords(usage, programs[name], isNamed ? { args: rest } : {});
  return { name, values };
}

function readValue(name, { value, fallback }) {
  if (typeof fallback === 'number') return wholeNumber(name, value);
  if (!Array.isArray(fallback)) return value;
  const parts = value.split(',');
  if (typeof fallback[0] === 'number') return parts.map((part) => wholeNumber(name, part));
  const unknown = parts.find((part) => !fallback.includes(part));
  if (unknown !== undefined) throw new Error(`${name} ${unknown}: there are ${fallback.join(', ')}`);
  return parts;
}

function wholeNumber(name, value) {
  if (!/^[1-9]\d*$/.test(value)) throw new Error(`${name} ${value}: a whole number, at least 1`);
  return Number(value);
}

/** Ends the process with status 2. */
export function refuse(usage, message) {
  console.error(`${message}\n\n${usage.trim()}`);
  process.exit(2);
}
