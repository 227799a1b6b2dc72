import { createHash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveEntry, EntryHeader, EntryStream } from '@orlop/archive';
import { emptyBody } from '@orlop/archive';
import { type DirectoryNode, type NodeMetadata, TreeBuilder } from '@orlop/disk';
import { writeAll } from './output-set.ts';

/**
 * A composition kept on disk: its entries can be read again in their order, or as the tree that unpacking them
 * would give. Contents are in one file; headers are in memory.
 */
export class Spool {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #members: readonly SpooledMember[];
  #tree: DirectoryNode | undefined;

  /** @param name of the file in `folder` that holds the contents */
  static async write(entries: EntryStream, folder: string, name = 'contents'): Promise<Spool> {
    const path = join(folder, name);
    const file = await open(path, 'w+', 0o600);
    const members: SpooledMember[] = [];
    let offset = 0;
    try {
      for await (const { header, body } of entries) {
        if (header.sizeBytes === 0) {
          members.push({ header, offset });
          continue;
        }
        const hash = header.sizeBytes >= MIN_HASHED_BYTES ? createHash('sha256') : undefined;
        for await (const chunk of body) {
          hash?.update(chunk);
          await writeAll(file, chunk);
        }
        members.push({ header, offset, ...(hash && { contentKey: hash.digest('base64') }) });
        offset += header.sizeBytes;
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    return new Spool(path, file, members);
  }

  private constructor(path: string, file: FileHandle, members: readonly SpooledMember[]) {
    this.#path = path;
    this.#file = file;
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
      yield { header, body: this.#body(member) } satisfies ArchiveEntry;
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
          builder.addLeaf(header.name, {
            ...metadata,
            type: 'file',
            sizeBytes: header.sizeBytes,
            ...(member.contentKey === undefined ? {} : { contentKey: member.contentKey }),
            open: () => this.#body(member),
          });
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

  #body({ header, offset }: SpooledMember): AsyncIterable<Uint8Array> {
    if (header.sizeBytes === 0) return emptyBody;
    const file = this.#file;
    return {
      async *[Symbol.asyncIterator]() {
        const end = offset + header.sizeBytes;
        for (let at = offset; at < end; ) {
          const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at));
          const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
          if (bytesRead === 0) throw new Error(`bug: the spool ends before ${header.name}`);
          at += bytesRead;
          yield buffer.subarray(0, bytesRead);
        }
      },
    };
  }
}

const CHUNK_BYTES = 256 * 1024;

/** Smaller files are not worth finding again elsewhere. */
const MIN_HASHED_BYTES = 16 * 1024;

interface SpooledMember {
  readonly header: EntryHeader;
  readonly offset: number;
  /** Equal for equal contents. */
  readonly contentKey?: string;
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
