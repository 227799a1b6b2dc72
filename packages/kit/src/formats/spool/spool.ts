import { createHash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveEntry, EntryHeader, EntryStream } from '@orlop/archive';
import {
  type DirectoryNode,
  type FileNode,
  type NodeMetadata,
  type StoredContent,
  TreeBuilder,
} from '@orlop/disk';
import { hashContent } from '../content-hash.ts';
import { WriteBehind } from '../write-behind.ts';
import { SpooledContents, type SpooledMember } from './spooled-contents.ts';
import { TwinSizes } from './twin-sizes.ts';
import { Windows } from './windows.ts';

/**
 * A composition kept on disk: its entries can be read again in their order, or as the tree that unpacking them
 * would give. Contents are in one file; headers are in memory.
 */
export class Spool {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #contents: SpooledContents;
  readonly #members: readonly SpooledMember[];
  #tree: DirectoryNode | undefined;

  /** @param name of the file in `folder` that holds the contents */
  static async write(entries: EntryStream, folder: string, name = 'contents'): Promise<Spool> {
    const path = join(folder, name);
    const file = await open(path, 'w+', 0o600);
    const members: SpooledMember[] = [];
    const writer = new WriteBehind(file);
    const twins = new TwinSizes();
    let offset = 0;
    const windows = new Windows();
    try {
      for await (const { header, body } of entries) {
        if (header.sizeBytes === 0) {
          members.push({ header, offset });
          continue;
        }
        const hash = twins.seen(header.sizeBytes) ? createHash('sha256') : undefined;
        for await (const chunk of body) {
          hash?.update(chunk);
          await writer.add(chunk);
        }
        const window = windows.place(offset, header.sizeBytes);
        const member: SpooledMember = { header, offset, ...(window && { window }) };
        if (hash !== undefined) member.contentKey = hash.digest('base64');
        twins.add(member);
        members.push(member);
        offset += header.sizeBytes;
      }
      await writer.end();
    } catch (error) {
      await file.close();
      throw error;
    }
    const spool = new Spool(path, file, members);
    for (const member of twins.firstOnes()) {
      member.contentKey = (await hashContent(spool.#contents.body(member))).digest('base64');
    }
    return spool;
  }

  private constructor(path: string, file: FileHandle, members: readonly SpooledMember[]) {
    this.#path = path;
    this.#file = file;
    this.#contents = new SpooledContents(file);
    this.#members = members;
  }

  /** Whether there is such an entry. */
  has(wanted: (header: EntryHeader) => boolean): boolean {
    return this.#members.some(({ header }) => wanted(header));
  }

  /** The entries (of some kind) as they were given, duplicates and all, with how many names each file has. */
  async *stream(wanted: (header: EntryHeader) => boolean = () => true): EntryStream {
    const members = this.#members.filter(({ header }) => wanted(header));
    const counts = countLinks(members);
    for (const member of members) {
      const linkCount = counts.get(member) ?? 1;
      const header = member.header.type === 'file' ? { ...member.header, linkCount } : member.header;
      yield { header, body: this.#contents.body(member) } satisfies ArchiveEntry;
    }
  }

  /** What unpacking the entries in their order gives. */
  tree(): DirectoryNode {
    this.#tree ??= this.#buildTree();
    return this.#tree;
  }

  #buildTree(): DirectoryNode {
    const builder = new TreeBuilder();
    for (const member of this.#members) {
      const { header } = member;
      const metadata = metadataOf(header);
      switch (header.type) {
        case 'directory':
          builder.addDirectory(header.name, metadata);
          break;
        case 'hardlink':
          builder.addHardLink(header.name, header.linkName ?? '');
          break;
        case 'file':
          builder.addLeaf(header.name, new SpooledFile(this.#contents, member));
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
    return builder.finish();
  }

  /** Closes and removes the file. */
  async remove(): Promise<void> {
    await this.#file.close();
    await rm(this.#path, { force: true });
  }
}

/** A file of a spool; there are tens of thousands, so it holds nothing that its member has. */
class SpooledFile implements FileNode {
  readonly type = 'file';
  readonly #contents: SpooledContents;
  readonly #member: SpooledMember;

  constructor(contents: SpooledContents, member: SpooledMember) {
    this.#contents = contents;
    this.#member = member;
  }

  get mode(): number {
    return this.#member.header.mode;
  }

  get uid(): number {
    return this.#member.header.uid;
  }

  get gid(): number {
    return this.#member.header.gid;
  }

  get mtime(): number {
    return this.#member.header.mtime;
  }

  get xattrs(): ReadonlyMap<string, Uint8Array> | undefined {
    return this.#member.header.xattrs;
  }

  get sizeBytes(): number {
    return this.#member.header.sizeBytes;
  }

  get contentKey(): string | undefined {
    return this.#member.contentKey;
  }

  get stored(): StoredContent {
    return { store: this.#contents, offset: this.#member.offset };
  }

  open(): AsyncIterable<Uint8Array> {
    return this.#contents.body(this.#member);
  }
}

/** How many names every file has: a hard link means the last member of that name before it. */
function countLinks(members: readonly SpooledMember[]): ReadonlyMap<SpooledMember, number> {
  const counts = new Map<SpooledMember, number>();
  const owners = new Map<string, SpooledMember>();
  for (const member of members) {
    const { header } = member;
    if (header.type === 'file') {
      counts.set(member, 1);
      owners.set(header.name, member);
    } else if (header.type === 'hardlink') {
      const owner = owners.get(header.linkName ?? '');
      if (owner === undefined) continue;
      counts.set(owner, (counts.get(owner) ?? 1) + 1);
      owners.set(header.name, owner);
    } else {
      owners.delete(header.name);
    }
  }
  return counts;
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
