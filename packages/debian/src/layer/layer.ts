import { type ArchiveEntry, bytesBody, type EntryHeader, type EntryStream, emptyBody } from '@orlop/archive';
import type { DebianSection } from '../definition/definition.ts';
import { debianError } from '../errors.ts';
import { Accounts } from './accounts.ts';
import { encodeFileCapabilities } from './capabilities.ts';
import { FileSelection, PathValues } from './file-selection.ts';
import { isLayoutLink, layoutLinks, loaderLink, mergedPath } from './layout.ts';

/** A package as a layer takes it. */
export interface LayerPackage {
  readonly name: string;
  /** The members of its data archive; read once. */
  readonly entries: EntryStream;
}

/** What a definition's files and links are on the host, read before the layer is written. */
export interface LayerSources {
  /** Size and body of a `source` file, by its absolute path. */
  file(path: string): Promise<{ readonly sizeBytes: number; readonly body: AsyncIterable<Uint8Array> }>;
  /** Lines of a file of names. */
  names(path: string): Promise<readonly string[]>;
}

export interface LayerRequest {
  readonly section: DebianSection;
  readonly architecture: string;
  readonly packages: AsyncIterable<LayerPackage>;
  readonly sources: LayerSources;
}

/** Folders that a Debian system has before any package is there (base-files). */
const BASE_DIRECTORIES: readonly (readonly [path: string, mode: number])[] = [
  ...[
    'dev',
    'etc',
    'proc',
    'run',
    'sys',
    'usr',
    'usr/bin',
    'usr/sbin',
    'usr/lib',
    'var',
    'var/lib',
    'var/log',
  ].map((path) => [path, 0o755] as const),
  ['root', 0o700],
  ['tmp', 0o1777],
  ['var/tmp', 0o1777],
];

/** What base-files' maintainer script would copy; without it glibc asks DNS before /etc/hosts. */
const NSSWITCH =
  'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n';

const encoder = new TextEncoder();

/**
 * The one layer of a component: what packages ship and the definition selects, then what the definition adds.
 * Every path appears once, parents before children, link targets before hard links.
 *
 * @throws OrlopError `debian.layer-conflict` and `debian.unmatched-pattern` (from the iterator).
 */
export async function* composeLayer(request: LayerRequest): EntryStream {
  const { section, architecture } = request;
  const accounts = new Accounts(section.users, section.groups);
  const writer = new LayerWriter(section, accounts);
  const own = await ownEntries(request, accounts);
  const replaced = new Set(own.map((entry) => entry.header.name));
  for (const { header: found } of own) if (found.type === 'directory') writer.describe(found);
  for (const [path, target] of layoutLinks(section.layout, architecture)) {
    const parent = `usr/${path}`;
    yield* writer.parents(`${parent}/x`);
    yield* writer.write(symlink(path, target));
  }
  for await (const { name, entries } of request.packages) {
    yield* packageEntries(entries, { name, section, writer, replaced });
  }
  for (const entry of own) yield* writer.write(entry);
  for (const link of section.symlinks) {
    if (link.kind !== 'each') continue;
    for (const name of await request.sources.names(link.namesFile)) {
      const path = `${link.folder}/${name}`;
      // Of a whole list of names, those that stand for something else already are passed over.
      if (!writer.has(path)) yield* writer.write(symlink(path, link.target));
    }
  }
  writer.checkUnused();
}

interface PackageContext {
  readonly name: string;
  readonly section: DebianSection;
  readonly writer: LayerWriter;
  /** Paths that the definition writes itself. */
  readonly replaced: ReadonlySet<string>;
}

async function* packageEntries(entries: EntryStream, context: PackageContext): EntryStream {
  const { section, writer, replaced } = context;
  const directories = new Map<string, EntryHeader>();
  const inhabited = new Set<string>();
  for await (const { header: shipped, body } of entries) {
    if (shipped.name === '' || isLayoutLink(shipped)) continue;
    const name = mergedPath(shipped.name);
    const parent = name.slice(0, Math.max(0, name.lastIndexOf('/')));
    inhabited.add(parent);
    const found: EntryHeader = {
      ...plain(shipped),
      name,
      ...(shipped.type === 'hardlink' ? { linkName: mergedPath(shipped.linkName ?? '') } : {}),
    };
    if (found.type === 'directory') {
      writer.describe(found);
      directories.set(name, found);
      continue;
    }
    if (replaced.has(name) || !writer.selection.takes(name)) continue;
    if (found.type === 'hardlink' && !writer.has(found.linkName ?? '')) {
      throw debianError(
        'debian.layer-conflict',
        `${context.name} has ${name} as a hard link to ${found.linkName}, which is not taken into the image`,
        { hint: 'take or drop both' },
      );
    }
    // Two packages with one path: the first keeps it, as Debian's diversions and replacements would be needed.
    if (writer.has(name)) continue;
    yield* writer.write({ header: found, body });
    const loader = section.layout === 'split' ? loaderLink(name) : undefined;
    if (loader !== undefined && !replaced.has(loader.path) && !writer.has(loader.path)) {
      yield* writer.write(symlink(loader.path, loader.target));
    }
  }
  // A folder that is shipped empty is there for a reason; others come with what is in them.
  for (const [name, found] of directories) {
    if (inhabited.has(name) || !writer.selection.takes(name) || writer.has(name)) continue;
    yield* writer.write({ header: found, body: emptyBody });
  }
}

/** Puts attributes on entries, and parents before them. */
class LayerWriter {
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
      const found = this.#described.get(folder) ?? header({ name: folder, type: 'directory', mode: 0o755 });
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

/** What the definition and its layout add: folders, files, links, accounts. */
async function ownEntries(request: LayerRequest, accounts: Accounts): Promise<readonly ArchiveEntry[]> {
  const { section, sources } = request;
  const entries: ArchiveEntry[] = [];
  const byDefinition = new Set(
    [...section.files, ...section.directories, ...section.symlinks].flatMap((one) =>
      'path' in one ? one.path : [],
    ),
  );
  const add = (entry: ArchiveEntry) => entries.push(entry);
  const addText = (path: string, text: string, rest: Partial<EntryHeader> = {}) => {
    const bytes = encoder.encode(text);
    add({
      header: header({ name: path, type: 'file', mode: 0o644, sizeBytes: bytes.length, ...rest }),
      body: bytesBody(bytes),
    });
  };
  if (section.layout === 'merged') {
    for (const [name, mode] of BASE_DIRECTORIES) {
      if (!byDefinition.has(name))
        add({ header: header({ name, type: 'directory', mode }), body: emptyBody });
    }
    if (!byDefinition.has('etc/nsswitch.conf')) addText('etc/nsswitch.conf', NSSWITCH);
  }
  if (section.layout === 'merged' || section.users.length > 0 || section.groups.length > 0) {
    for (const { path, mode, gid, text } of accounts.files()) {
      if (!byDefinition.has(path)) addText(path, text, { mode, gid });
    }
  }
  for (const { path, mode, owner } of section.directories) {
    add({
      header: header({ name: path, type: 'directory', mode, ...accounts.resolve(owner) }),
      body: emptyBody,
    });
  }
  for (const { path, mode, owner, content } of section.files) {
    const ids = accounts.resolve(owner);
    if (content.kind === 'contents') {
      addText(path, content.text, { mode, ...ids });
    } else {
      const { sizeBytes, body } = await sources.file(content.path);
      add({ header: header({ name: path, type: 'file', mode, sizeBytes, ...ids }), body });
    }
  }
  for (const link of section.symlinks) if (link.kind === 'one') add(symlink(link.path, link.target));
  return entries;
}

/** A member of a package without what only its maker knew: names of accounts, records of the archive. */
function plain(shipped: EntryHeader): EntryHeader {
  const { name, type, mode, uid, gid, sizeBytes, mtime, linkName, xattrs } = shipped;
  return header({
    ...{ name, type, mode, uid, gid, sizeBytes, mtime },
    ...(linkName === undefined ? {} : { linkName }),
    ...(xattrs === undefined ? {} : { xattrs }),
  });
}

function symlink(name: string, linkName: string): ArchiveEntry {
  return { header: header({ name, type: 'symlink', mode: 0o777, linkName }), body: emptyBody };
}

function header(fields: Pick<EntryHeader, 'name' | 'type' | 'mode'> & Partial<EntryHeader>): EntryHeader {
  return { uid: 0, gid: 0, sizeBytes: 0, mtime: 0, ...fields };
}
