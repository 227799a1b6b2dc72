/**
 * A command line in the manner of Go's `flag` package, in the spelling of this program's own: one dash or two are the
 * same, and a flag that takes no value may be given one.
 */
export function gvproxyArguments(words: readonly string[]): readonly string[] {
  return words.flatMap((word) => {
    const [, name = '', given] = /^--?([a-z][a-z0-9-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === '') return [word];
    if (!SWITCHES.has(name)) return [`--${word.replace(/^--?/, '')}`];
    return given === undefined || /^(1|t|true)$/i.test(given) ? [`--${name}`] : [];
  });
}

const SWITCHES: ReadonlySet<string> = new Set(['debug', 'version', 'help', 'ec2-metadata-access']);
