/** What was measured: a line at once for who watches, or everything as JSON at the end. */
import { loadavg } from 'node:os';

const DECIMALS = { s: 2, ms: 0, 'Mbit/s': 0, MiB: 0, '% of a core': 1, ratio: 1 };

export class Report {
  figures = [];
  #quiet;

  constructor({ quiet }) {
    this.#quiet = quiet;
  }

  /**
   * @param what in words
   * @param values `{ name?, value, unit }` of one measurement; the first is what it is about
   */
  say(what, ...values) {
    const load = loadavg()[0];
    this.figures.push({ what, values, load });
    if (this.#quiet) return;
    console.log(`${what.padEnd(60)} ${values.map(format).join('; ')}   (load ${load.toFixed(1)})`);
  }
}

function format({ name, value, unit }) {
  const number = value.toFixed(DECIMALS[unit] ?? 0);
  const text = unit === 'ratio' ? `ratio ${number}` : `${number} ${unit}`;
  return name === undefined ? text : `${name} ${text}`;
}

export const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

export const inSeconds = (ms, name) => ({ ...(name && { name }), value: ms / 1000, unit: 's' });
export const inMebibytes = (bytes, name) => ({ ...(name && { name }), value: bytes / 2 ** 20, unit: 'MiB' });
/** Medians first, then what the worst was. */
export const inSecondsOf = (times) => [inSeconds(median(times)), inSeconds(Math.max(...times), 'longest')];
