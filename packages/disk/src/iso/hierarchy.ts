import { Layout } from '../bytes.ts';
import { directoryLinks, type Numbering } from '../numbering.ts';
import { type DirectoryNode, sortedChildren, type TreeNode } from '../tree.ts';
import { encodePathTable, type PathTableEntry } from './descriptors.ts';
import { DirectoryEncoder, type EncodedDirectory, type Placed } from './directory.ts';
import { both16, both32, ISO_SECTOR_BYTES, ShortDates, sectorsOf, shortDate } from './fields.ts';
import { isoNames, jolietNames } from './names.ts';

interface PlannedDirectory {
  readonly node: DirectoryNode;
  readonly identifier: string;
  readonly parent: PlannedDirectory | undefined;
  readonly number: number;
  sector: number;
  sizeBytes: number;
  continuationBytes: number;
}

/** What has no content of its own. */
const NOWHERE: Placed = { sector: 0, sizeBytes: 0 };

/**
 * One of the two trees of directories of an image: the primary one with Rock Ridge, or Joliet's. First
 * {@link place} gives the directories sectors; when the files have theirs, too, {@link finish} gives the bytes. Records
 * are encoded for their length first, and again when they are written: all of them together are most of what a large
 * tree takes.
 */
export class Hierarchy {
  readonly joliet: boolean;
  readonly #numbering: Numbering;
  readonly #files: readonly (Placed | undefined)[];
  readonly #directories: PlannedDirectory[] = [];
  readonly #planned = new Map<DirectoryNode, PlannedDirectory>();
  readonly #encoder: DirectoryEncoder;
  readonly #links = new Map<DirectoryNode, number>();

  /** @param files by index, their sizes; their sectors may follow until {@link finish}. */
  constructor(
    joliet: boolean,
    root: DirectoryNode,
    numbering: Numbering,
    files: readonly (Placed | undefined)[],
  ) {
    this.joliet = joliet;
    this.#numbering = numbering;
    this.#files = files;
    this.#encoder = new DirectoryEncoder(joliet, new ShortDates());
    this.#plan(root);
  }

  get pathTableBytes(): number {
    return encodePathTable(this.#pathTable(), this.joliet, false).length;
  }

  get rootRecord(): Uint8Array {
    const { sector, sizeBytes, node } = this.#directories[0] as PlannedDirectory;
    const layout = new Layout(34).u8(0, 34).set(18, shortDate(node.mtime)).u8(25, 2).u8(32, 1);
    both32(layout, 2, sector);
    both32(layout, 10, sizeBytes);
    both16(layout, 28, 1);
    return layout.bytes;
  }

  /** @returns the first sector after the directories. */
  place(firstSector: number): number {
    let sector = firstSector;
    for (const directory of this.#directories) {
      directory.sector = sector;
      sector += sectorsOf(directory.sizeBytes) + sectorsOf(directory.continuationBytes);
    }
    return sector;
  }

  /** The bytes of each directory and where they go. */
  *finish(): Generator<{ offset: number; bytes: Uint8Array }> {
    for (const directory of this.#directories) {
      const { sector } = directory;
      const { records, continuations, finish } = this.#encode(directory);
      const continuationSector = sector + sectorsOf(records.length);
      finish(continuationSector);
      yield { offset: sector * ISO_SECTOR_BYTES, bytes: records };
      if (continuations.length > 0)
        yield { offset: continuationSector * ISO_SECTOR_BYTES, bytes: continuations };
    }
  }

  encodePathTable(bigEndian: boolean): Uint8Array {
    return encodePathTable(this.#pathTable(), this.joliet, bigEndian);
  }

  #pathTable(): PathTableEntry[] {
    return this.#directories.map(({ identifier, sector, parent }) => ({
      identifier,
      sector,
      parent: parent?.number ?? 1,
    }));
  }

  /** Level by level, since the path table is in that order (ECMA-119 6.9.1). */
  #plan(root: DirectoryNode): void {
    this.#add(root, '', undefined);
    // Those within a directory come to the end of the list while it is encoded.
    for (const directory of this.#directories) {
      const { records, continuations } = this.#encode(directory);
      directory.sizeBytes = records.length;
      directory.continuationBytes = continuations.length;
    }
  }

  #add(node: DirectoryNode, identifier: string, parent: PlannedDirectory | undefined): PlannedDirectory {
    const number = this.#directories.length + 1;
    const planned = { node, identifier, parent, number, sector: 0, sizeBytes: 0, continuationBytes: 0 };
    this.#directories.push(planned);
    this.#planned.set(node, planned);
    return planned;
  }

  #encode(directory: PlannedDirectory): EncodedDirectory {
    const all = sortedChildren(directory.node);
    const children = this.joliet
      ? all.filter(([, child]) => child.type === 'directory' || child.type === 'file')
      : all;
    const identifiers = this.joliet
      ? jolietNames(children.map(([name]) => name))
      : isoNames(children.map(([name, child]) => ({ name, directory: child.type === 'directory' })));
    // Directories have a place in the list before they have an encoding: a record knows its target, not where it lies.
    const named = children.map(([name, child], n) => ({ name, child, identifier: identifiers[n] as string }));
    named.sort((a, b) => (a.identifier < b.identifier ? -1 : 1));
    this.#addDot(directory, '\u0000', directory);
    this.#addDot(directory, '\u0001', directory.parent ?? directory);
    for (const { name, child, identifier } of named) {
      const target =
        child.type === 'directory'
          ? (this.#planned.get(child) ?? this.#add(child, identifier, directory))
          : (this.#files[this.#numbering.indexOf(child)] ?? NOWHERE);
      this.#addRecord(identifier, name, child, target);
    }
    return this.#encoder.finish();
  }

  #addDot(holder: PlannedDirectory, identifier: string, target: PlannedDirectory): void {
    const { systemUse } = this.#encoder;
    systemUse.clear();
    if (!this.joliet) {
      const first = identifier === '\u0000' && holder.parent === undefined;
      if (first) systemUse.addIndicator();
      systemUse.addNode(target.node, undefined, this.#context(target.node));
      if (first) systemUse.addExtensionReference();
    }
    this.#encoder.add({ identifier, directory: true, mtime: target.node.mtime, target });
  }

  #addRecord(identifier: string, name: string, node: TreeNode, target: Placed): void {
    const { systemUse } = this.#encoder;
    systemUse.clear();
    if (!this.joliet) systemUse.addNode(node, name, this.#context(node));
    this.#encoder.add({ identifier, directory: node.type === 'directory', mtime: node.mtime, target });
  }

  #context(node: TreeNode): { links: number; serial: number } {
    const serial = this.#numbering.indexOf(node) + 1;
    if (node.type !== 'directory') return { links: this.#numbering.namesOf(node), serial };
    return { links: this.#linksOf(node), serial };
  }

  /** Every folder in it asks again, by its `..`. */
  #linksOf(node: DirectoryNode): number {
    let links = this.#links.get(node);
    if (links !== undefined) return links;
    links = directoryLinks(node);
    this.#links.set(node, links);
    return links;
  }
}
