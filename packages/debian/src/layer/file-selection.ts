import type { DebianSection } from '../definition/definition.ts';
import { compileExactGlob, compileGlobs } from './globs.ts';

/** What no image needs: documents, translations, other init systems, helpers of the package tools. */
const ALWAYS_DROPPED: readonly string[] = [
  'usr/share/doc',
  'usr/share/man',
  'usr/share/info',
  'usr/share/locale',
  'usr/share/lintian',
  'usr/share/bug',
  'usr/share/bash-completion',
  'usr/share/zsh',
  'usr/share/fish',
  'usr/share/menu',
  'usr/share/doc-base',
  'usr/share/initramfs-tools',
  'usr/share/dpkg',
  'usr/lib/systemd',
  'usr/lib/tmpfiles.d',
  'usr/lib/sysusers.d',
  'usr/lib/udev',
  'etc/init.d',
  'etc/default',
  'etc/logrotate.d',
  'etc/apparmor.d',
  'etc/cron*',
  'etc/init',
  'etc/ufw',
];

/** Which paths of packages an image takes. */
export class FileSelection {
  readonly #only: readonly { readonly pattern: string; readonly test: (path: string) => boolean }[];
  readonly #dropped: (path: string) => boolean;
  readonly #kept: (path: string) => boolean;
  readonly #used = new Set<string>();
  #libraries: ReadonlySet<string> = new Set();

  constructor(section: Pick<DebianSection, 'only' | 'drop' | 'keep'>) {
    this.#only = section.only.map((pattern) => ({ pattern, test: compileGlobs([pattern]) }));
    this.#dropped = compileGlobs([...ALWAYS_DROPPED, ...section.drop]);
    this.#kept = compileGlobs(section.keep);
  }

  /** Adds the libraries that what is taken needs, though `only` does not name them. */
  addLibraries(libraries: ReadonlySet<string>): void {
    this.#libraries = libraries;
  }

  takes(path: string): boolean {
    if (this.#only.length > 0) {
      let named = false;
      // All are asked, so that each that is of use is known to be.
      for (const { pattern, test } of this.#only) {
        if (!test(path)) continue;
        this.#used.add(pattern);
        named = true;
      }
      if (!named) return this.#libraries.has(path);
    }
    return this.#kept(path) || !this.#dropped(path);
  }

  /** Patterns of `only` that nothing matched yet. */
  unused(): readonly string[] {
    return this.#only.map(({ pattern }) => pattern).filter((pattern) => !this.#used.has(pattern));
  }
}

/** Values said of paths by patterns; the last pattern that matches wins. */
export class PathValues<Value> {
  readonly #rows: readonly {
    readonly pattern: string;
    readonly test: (path: string) => boolean;
    readonly value: Value;
  }[];
  readonly #used = new Set<string>();

  constructor(rows: readonly { readonly pattern: string; readonly value: Value }[]) {
    this.#rows = rows.map(({ pattern, value }) => ({ pattern, test: compileExactGlob(pattern), value }));
  }

  get(path: string): Value | undefined {
    let found: Value | undefined;
    for (const { pattern, test, value } of this.#rows) {
      if (!test(path)) continue;
      this.#used.add(pattern);
      found = value;
    }
    return found;
  }

  unused(): readonly string[] {
    return this.#rows.map(({ pattern }) => pattern).filter((pattern) => !this.#used.has(pattern));
  }
}
