import { type ArchiveEntry, type EntryHeader, emptyBody } from '@orlop/archive';
import type { DebianSection } from '../definition/definition.ts';
import { debianError } from '../errors.ts';
import type { Accounts } from './accounts.ts';
import { encodeFileCapabilities } from './capabilities.ts';
import { ownHeader } from './entries.ts';
import { FileSelection, PathValues } from './file-selection.ts';

/** Puts attributes on entries, and parents before them. */
export class LayerWriter {
  readonly selection: FileSelection;
  readonly #modes: PathValues<number>;
  readonly #owners: PathValues<{ readonly uid: number; readonly gid: number }>;
  readonly #capabilities: PathValues<readonly string[]>;
  readonly #section: DebianSection;
  readonly #written = new Map<string, EntryHeader['type']>();
  readonly #described = new Map<string, EntryHeader>();

  constructor(section: DebianSection, accounts: Accounts) {
    this.#section = section;
    this.selection = new FileSelection(section);
    this.#modes = new PathValues(section.modes);
    this.#owners = new PathValues(
      section.owners.map(({ pattern, value }) => ({ pattern, value: accounts.resolve(value) })),
    );
    this.#capabilities = new PathValues(section.capabilities);
  }

  has(name: string): boolean {
    return this.#written.has(name);
  }

  /** Remembers what a folder is like, for when something in it is written. */
  describe(directory: EntryHeader): void {
    if (!this.#described.has(directory.name)) this.#described.set(directory.name, directory);
  }

  *parents(name: string): Generator<ArchiveEntry> {
    for (let at = name.indexOf('/'); at > 0; at = name.indexOf('/', at + 1)) {
      const folder = name.slice(0, at);
      const type = this.#written.get(folder);
      if (type === 'directory') continue;
      if (type !== undefined) {
        throw debianError('debian.layer-conflict', `${name} is to be written, but ${folder} is a ${type}`);
      }
      const found =
        this.#described.get(folder) ?? ownHeader({ name: folder, type: 'directory', mode: 0o755 });
      yield this.#finish({ header: found, body: emptyBody });
    }
  }

  *write(entry: ArchiveEntry): Generator<ArchiveEntry> {
    const { name, type } = entry.header;
    const before = this.#written.get(name);
    if (before === 'directory' && type === 'directory') return;
    if (before !== undefined) {
      throw debianError('debian.layer-conflict', `${name} is written twice: as ${before} and as ${type}`);
    }
    yield* this.parents(name);
    yield this.#finish(entry);
  }

  /** @throws OrlopError `debian.unmatched-pattern` when the definition names paths that are not there. */
  checkUnused(): void {
    const { modes, owners, capabilities } = this.#section;
    const places = [...modes, ...owners, ...capabilities];
    const unused = [...this.#modes.unused(), ...this.#owners.unused(), ...this.#capabilities.unused()];
    const problems = [
      ...this.selection
        .unused()
        .map((pattern) => ({ message: `only: nothing in the packages matches ${pattern}` })),
      ...unused.map((pattern) => {
        const position = places.find((place) => place.pattern === pattern)?.position;
        const message = `nothing in the image matches ${pattern}`;
        return position === undefined ? { message } : { message, position };
      }),
    ];
    if (problems.length === 0) return;
    throw debianError('debian.unmatched-pattern', 'the definition names paths that are not in the image', {
      problems,
    });
  }

  #finish(entry: ArchiveEntry): ArchiveEntry {
    const { name, type } = entry.header;
    this.#written.set(name, type);
    const mode = this.#modes.get(name);
    const owner = this.#owners.get(name);
    const capabilities = this.#capabilities.get(name);
    if (mode === undefined && owner === undefined && capabilities === undefined) return entry;
    return {
      body: entry.body,
      header: {
        ...entry.header,
        ...(mode === undefined ? {} : { mode }),
        ...owner,
        ...(capabilities === undefined
          ? {}
          : { xattrs: new Map([['security.capability', encodeFileCapabilities(capabilities)]]) }),
      },
    };
  }
}
