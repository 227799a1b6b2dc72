import { createHash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveEntry, EntryHeader, EntryStream } from '@orlop/archive';
import { emptyBody } from '@orlop/archive';
import {
  type ContentStore,
  type DirectoryNode,
  type FileNode,
  type NodeMetadata,
  type StoredContent,
  TreeBuilder,
} from '@orlop/disk';
import { WriteBehind } from './write-behind.ts';

/**
 * A composition kept on disk: its entries can be read again in their order, or as the tree that unpacking them
 * would give. Contents are in one file; headers are in memory.
 */
export class Spool implements ContentStore {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #members: readonly SpooledMember[];
  #tree: DirectoryNode | undefined;
  /** What was read for small files, the latest last. */
  readonly #recent = new Map<Window, Promise<Uint8Array>>();
  #last: Window | undefined;

  /** @param name of the file in `folder` that holds the contents */
  static async write(entries: EntryStream, folder: string, name = 'contents'): Promise<Spool> {
    const path = join(folder, name);
    const file = await open(path, 'w+', 0o600);
    const members: SpooledMember[] = [];
    const writer = new WriteBehind(file);
    const twins = new TwinSizes();
    let offset = 0;
    let window: Window | undefined;
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
        if (header.sizeBytes > MAX_SMALL_BYTES) window = undefined;
        else if (window !== undefined && window.sizeBytes + header.sizeBytes <= WINDOW_BYTES)
          window.sizeBytes += header.sizeBytes;
        else {
          const next: Window = { start: offset, sizeBytes: header.sizeBytes, next: undefined };
          if (window !== undefined) window.next = next;
          window = next;
        }
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
      const hash = createHash('sha256');
      for await (const chunk of spool.body(member)) hash.update(chunk);
      member.contentKey = hash.digest('base64');
    }
    return spool;
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
      yield { header, body: this.body(member) } satisfies ArchiveEntry;
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
          builder.addLeaf(header.name, new SpooledFile(this, member));
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

  /** The content of a member, in chunks that are the reader's to keep. */
  body({ header, offset, window }: SpooledMember): AsyncIterable<Uint8Array> {
    const { sizeBytes } = header;
    if (sizeBytes === 0) return emptyBody;
    if (window === undefined) return readAhead((at, length) => this.#read(at, length), offset, sizeBytes);
    return {
      [Symbol.asyncIterator]: () => {
        let given = false;
        return {
          next: async () => {
            if (given) return { done: true, value: undefined };
            given = true;
            return { done: false, value: await this.#small(offset, sizeBytes, window) };
          },
        };
      },
    };
  }

  /** Small files are mostly asked for in about the order in which they lie: one reading serves many. */
  async #small(offset: number, sizeBytes: number, window: Window): Promise<Uint8Array> {
    const bytes = await this.#window(window);
    return bytes.subarray(offset - window.start, offset - window.start + sizeBytes);
  }

  #window(window: Window): Promise<Uint8Array> {
    const recent = this.#recent;
    if (window === this.#last) return recent.get(window) ?? this.#read(window.start, window.sizeBytes);
    const begin = (wanted: Window) => {
      const bytes = recent.get(wanted) ?? this.#read(wanted.start, wanted.sizeBytes);
      // Its failure is seen by whoever waits for it.
      bytes.catch(() => {});
      // The latest last.
      recent.delete(wanted);
      recent.set(wanted, bytes);
      return bytes;
    };
    const { next } = window;
    if (next !== undefined) begin(next);
    const bytes = begin(window);
    this.#last = window;
    for (const old of recent.keys()) {
      if (recent.size <= MAX_WINDOWS) break;
      recent.delete(old);
    }
    return bytes;
  }

  async #read(at: number, length: number): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafeSlow(length);
    await this.read(at, buffer);
    return buffer;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const { bytesRead } = await this.#file.read(into, done, into.length - done, offset + done);
      if (bytesRead === 0)
        throw new Error(`bug: the spool ends at ${offset + done}, before ${offset + into.length}`);
      done += bytesRead;
    }
  }
}

/** A file of a spool; there are tens of thousands, so it holds nothing that its member has. */
class SpooledFile implements FileNode {
  readonly type = 'file';
  readonly #spool: Spool;
  readonly #member: SpooledMember;

  constructor(spool: Spool, member: SpooledMember) {
    this.#spool = spool;
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
    return { store: this.#spool, offset: this.#member.offset };
  }

  open(): AsyncIterable<Uint8Array> {
    return this.#spool.body(this.#member);
  }
}

/** A large file in chunks, each read while the one before is worked on. */
async function* readAhead(
  read: (at: number, length: number) => Promise<Uint8Array>,
  start: number,
  sizeBytes: number,
): AsyncGenerator<Uint8Array> {
  const end = start + sizeBytes;
  const begin = (at: number) => {
    if (at >= end) return undefined;
    const chunk = read(at, Math.min(CHUNK_BYTES, end - at));
    // Its failure is seen when its turn comes.
    chunk.catch(() => {});
    return chunk;
  };
  let next = begin(start);
  for (let at = start + CHUNK_BYTES; next !== undefined; at += CHUNK_BYTES) {
    const chunk = await next;
    next = begin(at);
    yield chunk;
  }
}

/** Files up to this are read many at a time. */
const MAX_SMALL_BYTES = 128 * 1024;
const WINDOW_BYTES = 512 * 1024;
/** Layers that were merged are read alternately. */
const MAX_WINDOWS = 12;

/** Small files that lie together. */
interface Window {
  readonly start: number;
  sizeBytes: number;
  /** The one that follows without a large file between. */
  next: Window | undefined;
}

/** As large as the pieces that the writers of disks ask for. */
const CHUNK_BYTES = 1 << 20;

/** Smaller files are not worth finding again elsewhere. */
const MIN_HASHED_BYTES = 16 * 1024;

/**
 * Which members are worth a digest: those of a size that another has, too. The first of a size is known to be worth it
 * only when the second comes.
 */
class TwinSizes {
  /** The first of each size; undefined once another has come. */
  readonly #firstOf = new Map<number, SpooledMember | undefined>();
  readonly #withTwin: SpooledMember[] = [];

  /** Whether a member of that size came before. */
  seen(sizeBytes: number): boolean {
    return this.#firstOf.has(sizeBytes);
  }

  add(member: SpooledMember): void {
    const { sizeBytes } = member.header;
    if (sizeBytes < MIN_HASHED_BYTES) return;
    if (!this.#firstOf.has(sizeBytes)) {
      this.#firstOf.set(sizeBytes, member);
      return;
    }
    const first = this.#firstOf.get(sizeBytes);
    if (first !== undefined) this.#withTwin.push(first);
    this.#firstOf.set(sizeBytes, undefined);
  }

  /** The first of each size that came again, whose content went by without a digest. */
  firstOnes(): readonly SpooledMember[] {
    return this.#withTwin;
  }
}

interface SpooledMember {
  readonly header: EntryHeader;
  readonly offset: number;
  /** Absent for large and empty files. */
  readonly window?: Window;
  /** Equal for equal contents; absent where no other file is as long. */
  contentKey?: string;
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
