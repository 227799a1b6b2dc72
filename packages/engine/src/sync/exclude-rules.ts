import ignore, { type Ignore } from 'ignore';

/** In the share's own folder, and carried like every other file: patterns for everybody who works with it. */
export const EXCLUDE_FILE = '.orlopignore';

/** What is not kept in step, by the rules of gitignore(5), the last pattern that fits first. */
export class ExcludeRules {
  readonly #rules: Ignore;
  readonly #isEmpty: boolean;

  /** @param patterns lines of files and settings, in their order */
  constructor(patterns: readonly string[]) {
    this.#rules = ignore({ allowRelativePaths: false }).add([...patterns]);
    this.#isEmpty = patterns.every((pattern) => pattern.trim() === '' || pattern.startsWith('#'));
  }

  /** Of a path below the root whose folders are not excluded. */
  excludes(path: string, isFolder: boolean): boolean {
    if (this.#isEmpty || path === EXCLUDE_FILE) return false;
    return this.#rules.ignores(isFolder ? `${path}/` : path);
  }
}
