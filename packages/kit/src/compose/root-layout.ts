import type { ArchiveEntry, EntryHeader } from '@orlop/archive';
import { directoryEntry, type Origin } from './entries.ts';

/** As many links in one path as Linux follows. */
const MAX_LINKS = 40;

/**
 * Where entries of several images that share one root come to stand. Images may disagree on whether `bin` is a
 * folder or a link to `usr/bin`: unpacked one over the other, the link could not replace the folder, or the folder
 * would replace the link. Here, what is a link in the end is one from the beginning, and all that goes through
 * it goes to its target.
 *
 * Invariant: no entry placed has a link among its parents, and every parent stands before it.
 */
export class RootLayout {
  readonly #links: ReadonlyMap<string, string>;
  readonly #folders = new Set<string>(['']);

  /** @param links every path that is a symbolic link in the end, with its target as written */
  constructor(links: ReadonlyMap<string, string>) {
    this.#links = links;
  }

  /** Whether a folder of that path was placed. */
  hasFolder(path: string): boolean {
    return this.#folders.has(this.resolve(path, true));
  }

  /** The entry at its place, with the parents that it lacks before it. */
  *place(entry: ArchiveEntry, origin: Origin): Generator<ArchiveEntry> {
    const header = this.#placed(entry.header);
    if (header.name === '') return;
    yield* this.#missingParents(header.name, origin);
    if (header.type === 'directory') this.#folders.add(header.name);
    yield { header, body: entry.body };
  }

  #placed(header: EntryHeader): EntryHeader {
    if (this.#links.size === 0) return header;
    const name = this.resolve(header.name, header.type === 'directory');
    if (header.type !== 'hardlink') return name === header.name ? header : { ...header, name };
    return { ...header, name, linkName: this.resolve(header.linkName ?? '', false) };
  }

  *#missingParents(name: string, origin: Origin): Generator<ArchiveEntry> {
    for (let slash = name.indexOf('/'); slash >= 0; slash = name.indexOf('/', slash + 1)) {
      const parent = name.slice(0, slash);
      if (this.#folders.has(parent)) continue;
      this.#folders.add(parent);
      yield directoryEntry(parent, origin);
    }
  }

  /** The path with every link among its parents followed, and the last one too if asked. */
  resolve(path: string, followLast: boolean): string {
    let rest = path.split('/');
    const done: string[] = [];
    for (let links = 0; rest.length > 0; ) {
      const [part, ...after] = rest;
      rest = after;
      if (part === undefined || part === '' || part === '.') continue;
      if (part === '..') {
        done.pop();
        continue;
      }
      done.push(part);
      if (rest.length === 0 && !followLast) break;
      const target = this.#links.get(done.join('/'));
      if (target === undefined) continue;
      if (++links > MAX_LINKS) return path;
      if (target.startsWith('/')) done.length = 0;
      else done.pop();
      rest = [...target.split('/'), ...rest];
    }
    return done.join('/');
  }
}
