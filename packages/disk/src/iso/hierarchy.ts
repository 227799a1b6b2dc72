import { Layout } from '../bytes.ts';
import { joinPath, type Numbering } from '../numbering.ts';
import { type DirectoryNode, sortedChildren, type TreeNode } from '../tree.ts';
import { encodePathTable, type PathTableEntry } from './descriptors.ts';
import { encodeDirectory, measureDirectory, type PlannedRecord } from './directory.ts';
import { both16, both32, ISO_SECTOR_BYTES, sectorsOf, shortDate } from './fields.ts';
import { encodeName, isoNames, jolietNames } from './names.ts';
import { extensionReference, rockRidgeEntries, systemUseHead } from './rock-ridge.ts';

/** A file's place, in pieces that a directory record can say. */
export interface Placed {
  readonly sector: number;
  readonly sizeBytes: number;
}

/** Bytes that one record can stand for: 4 GiB less a sector, in whole sectors. */
export const MAX_EXTENT_BYTES = 0xffff_f800;

interface PlannedDirectory {
  readonly path: string;
  readonly node: DirectoryNode;
  readonly identifier: string;
  readonly parent: PlannedDirectory | undefined;
  readonly number: number;
  records: PlannedRecord[];
  sector: number;
  sizeBytes: number;
  continuationSector: number;
}

/**
 * One of the two trees of directories of an image: the primary one with Rock Ridge, or Joliet's. First
 * {@link place} gives everything sectors, then {@link encode} writes it.
 */
export class Hierarchy {
  readonly joliet: boolean;
  readonly #numbering: Numbering;
  readonly #files: ReadonlyMap<TreeNode, Placed>;
  readonly #directories: PlannedDirectory[] = [];

  /** @param files places of the files; filled in before {@link encode}. */
  constructor(
    joliet: boolean,
    root: DirectoryNode,
    numbering: Numbering,
    files: ReadonlyMap<TreeNode, Placed>,
  ) {
    this.joliet = joliet;
    this.#numbering = numbering;
    this.#files = files;
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
      const { recordBytes, continuationBytes } = measureDirectory(directory.records);
      directory.sector = sector;
      directory.sizeBytes = recordBytes;
      directory.continuationSector = sector + sectorsOf(recordBytes);
      sector = directory.continuationSector + sectorsOf(continuationBytes);
    }
    return sector;
  }

  /** The bytes of each directory and where they go. */
  *encode(): Generator<{ offset: number; bytes: Uint8Array }> {
    for (const { records, sector, continuationSector } of this.#directories) {
      const encoded = encodeDirectory(records, continuationSector);
      yield { offset: sector * ISO_SECTOR_BYTES, bytes: encoded.records };
      if (encoded.continuations.length > 0)
        yield { offset: continuationSector * ISO_SECTOR_BYTES, bytes: encoded.continuations };
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
    const add = (
      path: string,
      node: DirectoryNode,
      identifier: string,
      parent: PlannedDirectory | undefined,
    ): PlannedDirectory => {
      const planned = {
        path,
        node,
        identifier,
        parent,
        number: this.#directories.length + 1,
        records: [],
        sector: 0,
        sizeBytes: 0,
        continuationSector: 0,
      };
      this.#directories.push(planned);
      return planned;
    };
    add('', root, '', undefined);
    for (let i = 0; i < this.#directories.length; i++) {
      const directory = this.#directories[i] as PlannedDirectory;
      const children = sortedChildren(directory.node).filter(
        ([, child]) => !this.joliet || child.type === 'directory' || child.type === 'file',
      );
      const identifiers = this.joliet
        ? jolietNames(children.map(([name]) => name))
        : isoNames(children.map(([name, child]) => ({ name, directory: child.type === 'directory' })));
      const named = children.map(([name, child], n) => ({
        name,
        child,
        identifier: identifiers[n] as string,
      }));
      named.sort((a, b) => (a.identifier < b.identifier ? -1 : 1));
      directory.records = [
        this.#dotRecord(directory, directory, 0),
        this.#dotRecord(directory.parent ?? directory, directory, 1),
      ];
      for (const { name, child, identifier } of named) {
        if (child.type === 'directory') {
          const planned = add(joinPath(directory.path, name), child, identifier, directory);
          directory.records.push(this.#record(child, name, identifier, () => [planned], 1));
        } else {
          const pieces =
            child.type === 'file' ? Math.max(1, Math.ceil(child.sizeBytes / MAX_EXTENT_BYTES)) : 1;
          directory.records.push(
            this.#record(child, name, identifier, () => this.#fileExtents(child), pieces),
          );
        }
      }
    }
  }

  #dotRecord(target: PlannedDirectory, holder: PlannedDirectory, which: 0 | 1): PlannedRecord {
    const systemUse = this.joliet ? [] : rockRidgeEntries(target.node, undefined, this.#context(target.node));
    if (!this.joliet && which === 0 && holder.parent === undefined) systemUse.unshift(systemUseHead());
    if (!this.joliet && which === 0 && holder.parent === undefined) systemUse.push(extensionReference());
    return {
      identifier: Uint8Array.of(which),
      directory: true,
      mtime: target.node.mtime,
      systemUse,
      extents: () => [target],
      extentCount: 1,
    };
  }

  #record(
    node: TreeNode,
    name: string,
    identifier: string,
    extents: () => readonly Placed[],
    extentCount: number,
  ): PlannedRecord {
    return {
      identifier: encodeName(identifier, this.joliet),
      directory: node.type === 'directory',
      mtime: node.mtime,
      systemUse: this.joliet ? [] : rockRidgeEntries(node, name, this.#context(node)),
      extents,
      extentCount,
    };
  }

  #context(node: TreeNode): { links: number; serial: number } {
    const subdirectories =
      node.type === 'directory'
        ? [...node.children.values()].filter((child) => child.type === 'directory').length
        : 0;
    return {
      links: node.type === 'directory' ? 2 + subdirectories : (this.#numbering.names.get(node) ?? 1),
      serial: (this.#numbering.indexes.get(node) ?? 0) + 1,
    };
  }

  #fileExtents(node: TreeNode): Placed[] {
    const placed = this.#files.get(node);
    if (placed === undefined) return [{ sector: 0, sizeBytes: 0 }];
    const extents: Placed[] = [];
    for (let at = 0; at < placed.sizeBytes || at === 0; at += MAX_EXTENT_BYTES) {
      extents.push({
        sector: placed.sector + at / ISO_SECTOR_BYTES,
        sizeBytes: Math.min(MAX_EXTENT_BYTES, placed.sizeBytes - at),
      });
    }
    return extents;
  }
}
