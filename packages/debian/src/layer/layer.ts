import { type ArchiveEntry, bytesBody, type EntryHeader, type EntryStream, emptyBody } from '@orlop/archive';
import type { DebianSection } from '../definition/definition.ts';
import { debianError } from '../errors.ts';
import { Accounts } from './accounts.ts';
import { Concatenations } from './concatenations.ts';
import { ownHeader, ownSymlink } from './entries.ts';
import { LayerWriter } from './layer-writer.ts';
import { isLayoutLink, layoutLinks, loaderLink, mergedPath } from './layout.ts';
import { libraryClosure } from './library-closure.ts';

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
  /** Opens the packages anew at each call. */
  readonly packages: () => AsyncIterable<LayerPackage>;
  readonly sources: LayerSources;
  /** Told the name of each package of which something goes into the layer, possibly more than once. */
  readonly contributed: (name: string) => void;
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
  const concatenations = new Concatenations(section.files);
  const own = await ownEntries(request, accounts);
  const replaced = new Set([...own.map((entry) => entry.header.name), ...concatenations.paths]);
  for (const { header: found } of own) if (found.type === 'directory') writer.describe(found);
  if (section.only.length > 0) {
    const selection = writer.selection;
    selection.addLibraries(await libraryClosure(request.packages(), (path) => selection.takes(path)));
  }
  for (const [path, target] of layoutLinks(section.layout, architecture)) {
    const parent = `usr/${path}`;
    yield* writer.parents(`${parent}/x`);
    yield* writer.write(ownSymlink(path, target));
  }
  for await (const { name, entries } of request.packages()) {
    yield* packageEntries(entries, {
      name,
      section,
      writer,
      replaced,
      concatenations,
      contributed: () => request.contributed(name),
    });
  }
  for (const entry of own) yield* writer.write(entry);
  for (const entry of concatenations.entries(accounts)) yield* writer.write(entry);
  for (const link of section.symlinks) {
    if (link.kind !== 'each') continue;
    for (const name of await request.sources.names(link.namesFile)) {
      const path = `${link.folder}/${name}`;
      // Of a whole list of names, those that stand for something else already are passed over.
      if (!writer.has(path)) yield* writer.write(ownSymlink(path, link.target));
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
  readonly concatenations: Concatenations;
  /** Called when something of the package goes into the layer. */
  readonly contributed: () => void;
}

async function* packageEntries(entries: EntryStream, context: PackageContext): EntryStream {
  const { section, writer, replaced, concatenations } = context;
  const directories = new Map<string, EntryHeader>();
  const inhabited = new Set<string>();
  for await (const { header: shipped, body } of entries) {
    if (shipped.name === '' || isLayoutLink(shipped)) continue;
    const shippedAt = mergedPath(shipped.name);
    const name = section.renames.get(shippedAt) ?? shippedAt;
    const own = await concatenations.offer(shippedAt, { header: shipped, body });
    if (own !== body) context.contributed();
    const parent = name.slice(0, Math.max(0, name.lastIndexOf('/')));
    inhabited.add(parent);
    const linkedAt = mergedPath(shipped.linkName ?? '');
    const found: EntryHeader = {
      ...plain(shipped),
      name,
      ...(shipped.type === 'hardlink' ? { linkName: section.renames.get(linkedAt) ?? linkedAt } : {}),
    };
    if (found.type === 'directory') {
      writer.describe(found);
      directories.set(name, found);
      continue;
    }
    if (!writer.selection.takes(shippedAt) || replaced.has(name)) continue;
    if (found.type === 'hardlink' && !writer.has(found.linkName ?? '')) {
      throw debianError(
        'debian.layer-conflict',
        `${context.name} has ${name} as a hard link to ${found.linkName}, which is not taken into the image`,
        { hint: 'take or drop both' },
      );
    }
    // Two packages with one path: the first keeps it, as Debian's diversions and replacements would be needed.
    if (writer.has(name)) continue;
    context.contributed();
    yield* writer.write({ header: found, body: own });
    const loader = section.layout === 'split' ? loaderLink(name) : undefined;
    if (loader !== undefined && !replaced.has(loader.path) && !writer.has(loader.path)) {
      yield* writer.write(ownSymlink(loader.path, loader.target));
    }
  }
  // A folder that is shipped empty is there for a reason; others come with what is in them.
  for (const [name, found] of directories) {
    if (inhabited.has(name) || !writer.selection.takes(name) || writer.has(name)) continue;
    yield* writer.write({ header: found, body: emptyBody });
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
      header: ownHeader({ name: path, type: 'file', mode: 0o644, sizeBytes: bytes.length, ...rest }),
      body: bytesBody(bytes),
    });
  };
  if (section.layout === 'merged') {
    for (const [name, mode] of BASE_DIRECTORIES) {
      if (!byDefinition.has(name))
        add({ header: ownHeader({ name, type: 'directory', mode }), body: emptyBody });
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
      header: ownHeader({ name: path, type: 'directory', mode, ...accounts.resolve(owner) }),
      body: emptyBody,
    });
  }
  for (const { path, mode, owner, content } of section.files) {
    const ids = accounts.resolve(owner);
    if (content.kind === 'contents') {
      addText(path, content.text, { mode, ...ids });
    } else if (content.kind === 'source') {
      const { sizeBytes, body } = await sources.file(content.path);
      add({ header: ownHeader({ name: path, type: 'file', mode, sizeBytes, ...ids }), body });
    }
  }
  for (const link of section.symlinks) if (link.kind === 'one') add(ownSymlink(link.path, link.target));
  return entries;
}

/** A member of a package without what only its maker knew: names of accounts, records of the archive. */
function plain(shipped: EntryHeader): EntryHeader {
  const { name, type, mode, uid, gid, sizeBytes, mtime, linkName, xattrs } = shipped;
  return ownHeader({
    ...{ name, type, mode, uid, gid, sizeBytes, mtime },
    ...(linkName === undefined ? {} : { linkName }),
    ...(xattrs === undefined ? {} : { xattrs }),
  });
}
