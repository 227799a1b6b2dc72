/** A line of a service's log, as the supervisor shows it. */
const LOG_LINE = /^ {4}\S/;
const MAX_WORDS = 300;

/**
 * What a machine's supervisor says on the console of a service that ended and is started again: how often, its last
 * status, and the last line of its log.
 *
 * @param said on the console, of late
 * @returns words for who waits; undefined of a service that has not ended
 */
export function describeServiceEnds(said: string, service: string): string | undefined {
  const lines = said.split(/\r?\n/);
  const end = new RegExp(`^\\[ *\\d+\\.\\d+\\] orlop: service ${service} ended with exit status (\\d+);`);
  let times = 0;
  let status = '';
  let words: string | undefined;
  for (const [at, line] of lines.entries()) {
    const found = end.exec(line)?.[1];
    if (found === undefined) continue;
    times++;
    status = found;
    words = lastLogLine(lines.slice(at + 1)) ?? words;
  }
  if (times === 0) return undefined;
  const often = times === 1 ? '' : ` ${times} times, at last`;
  return `ended${often} with exit status ${status}${words === undefined ? '' : `: ${words}`}`;
}

/** Of those that follow at once. */
function lastLogLine(lines: readonly string[]): string | undefined {
  const after = lines.findIndex((line) => !LOG_LINE.test(line));
  return lines
    .slice(0, after === -1 ? undefined : after)
    .at(-1)
    ?.trim()
    .slice(0, MAX_WORDS);
}
