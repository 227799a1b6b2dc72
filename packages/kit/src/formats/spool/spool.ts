import { createHash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveEntry, EntryHeader, EntryStream } from '@orlop/archive';
import { type DirectoryNode, type NodeMetadata, TreeBuilder } from '@orlop/disk';
import { hashContent } from '../content-hash.ts';
import { WriteBehind } from '../write-behind.ts';
import { countLinks } from './count-links.ts';
import { SpooledFile } from './spooled-file.ts';
import { SpooledMembers } from './spooled-members.ts';
import { TwinSizes } from './twin-sizes.ts';

/**
 * A composition kept on disk: its entries can be read again in their order, or as the tree that unpacking them
 * would give. Contents are in one file; headers are in memory, packed.
 */
export class Spool {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #members: SpooledMembers;
  #tree: DirectoryNode | undefined;

  /** @param name of the file in `folder` that holds the contents */
  static async write(entries: EntryStream, folder: string, name = 'contents'): Promise<Spool> {
    const path = join(folder, name);
    const file = await open(path, 'w+', 0o600);
    const members = new SpooledMembers(file);
    const writer = new WriteBehind(file);
    const twins = new TwinSizes();
    try {
      for await (const { header, body } of entries) {
        const member = members.add(header);
        if (header.sizeBytes === 0) continue;
        const hash = twins.seen(header.sizeBytes) ? createHash('sha256') : undefined;
        for await (const chunk of body) {
          hash?.update(chunk);
          await writer.add(chunk);
        }
        if (hash !== undefined) members.setContentKey(member, hash.digest('base64'));
        twins.add(member, header.sizeBytes);
      }
      await writer.end();
      for (const member of twins.firstOnes()) {
        members.setContentKey(member, (await hashContent(members.body(member))).digest('base64'));
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    return new Spool(path, file, members);
  }

  private constructor(path: string, file: FileHandle, members: SpooledMembers) {
    this.#path = path;
    this.#file = file;
    this.#members = members;
  }

  /** Whether there is such an entry. */
  has(wanted: (header: EntryHeader) => boolean): boolean {
    return !this.#select(wanted).next().done;
  }

  /** The entries (of some kind) as they were given, duplicates and all, with how many names each file has. */
  async *stream(wanted: (header: EntryHeader) => boolean = () => true): EntryStream {
    const { table } = this.#members;
    const chosen = [...this.#select(wanted)];
    const counts = countLinks(table, chosen);
    for (const member of chosen) {
      const header = table.header(member);
      const linkCount = counts.get(member) ?? 1;
      yield {
        header: header.type === 'file' ? { ...header, linkCount } : header,
        body: this.#members.body(member),
      } satisfies ArchiveEntry;
    }
  }

  /** What unpacking the entries in their order gives. */
  tree(): DirectoryNode {
    this.#tree ??= this.#buildTree();
    return this.#tree;
  }

  /** Closes and removes the file. */
  async remove(): Promise<void> {
    await this.#file.close();
    await rm(this.#path, { force: true });
  }

  *#select(wanted: (header: EntryHeader) => boolean): Generator<number> {
    const { table } = this.#members;
    for (let member = 0; member < table.size; member++) if (wanted(table.header(member))) yield member;
  }

  #buildTree(): DirectoryNode {
    const { table } = this.#members;
    const builder = new TreeBuilder();
    for (let member = 0; member < table.size; member++) {
      const name = table.name(member);
      if (table.type(member) === 'file') builder.addLeaf(name, new SpooledFile(this.#members, member));
      else addOther(builder, table.header(member));
    }
    return builder.finish();
  }
}

/** Whatever is not a file. */
function addOther(builder: TreeBuilder, header: EntryHeader): void {
  const metadata = metadataOf(header);
  switch (header.type) {
    case 'file':
      break;
    case 'directory':
      builder.addDirectory(header.name, metadata);
      break;
    case 'hardlink':
      builder.addHardLink(header.name, header.linkName ?? '');
      break;
    case 'symlink':
      builder.addLeaf(header.name, { ...metadata, type: 'symlink', target: header.linkName ?? '' });
      break;
    case 'char':
    case 'block':
      builder.addLeaf(header.name, {
        ...metadata,
        type: header.type,
        major: header.deviceMajor ?? 0,
        minor: header.deviceMinor ?? 0,
      });
      break;
    case 'fifo':
      builder.addLeaf(header.name, { ...metadata, type: 'fifo' });
      break;
  }
}

function metadataOf(header: EntryHeader): NodeMetadata {
  return {
    mode: header.mode,
    uid: header.uid,
    gid: header.gid,
    mtime: header.mtime,
    ...(header.xattrs === undefined ? {} : { xattrs: header.xattrs }),
  };
}
