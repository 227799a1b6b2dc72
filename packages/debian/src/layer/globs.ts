/**
 * Patterns over paths without a leading slash: `?` and `*` stand for characters of one part, `**` for any
 * number of parts. A pattern matches a path, and everything under that path.
 */
export function compileGlob(pattern: string): RegExp {
  let source = '';
  for (const part of pattern.split('/')) {
    if (part === '**') {
      // `a/**/b` also matches `a/b`.
      source += '(?:[^/]+/)*';
      continue;
    }
    const text = part
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]');
    // A part of a path has at least one character.
    source += `(?=[^/])${text}/`;
  }
  // Either the slash after the last part, or the end of the path in its place.
  const open = source.endsWith('/') ? `${source.slice(0, -1)}(?:/|$)` : source;
  return new RegExp(`^${open}`, 's');
}

/** A test for exactly the paths that a pattern names, not what is under them. */
export function compileExactGlob(pattern: string): (path: string) => boolean {
  const glob = compileGlob(pattern);
  return (path) => glob.exec(`${path}/`)?.[0] === `${path}/`;
}

/** Whether a text may stand where a pattern is asked for. */
export function isGlob(text: string): boolean {
  return (
    text !== '' &&
    !text.startsWith('/') &&
    text.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

/** A test for any of the patterns. */
export function compileGlobs(patterns: readonly string[]): (path: string) => boolean {
  const compiled = patterns.map(compileGlob);
  return (path) => compiled.some((one) => one.test(path));
}
