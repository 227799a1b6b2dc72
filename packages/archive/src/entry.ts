/** What an archive member is. */
export type EntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo';

/** A member's metadata, as POSIX.1-2001 pax carries it. Records that are not derived stand in `pax`. */
export interface EntryHeader {
  /**
   * Relative path, `/`-separated, with neither a leading nor a trailing slash; `''` is the root itself. Bytes
   * that are no UTF-8 are lone surrogates, see `decodeName`.
   */
  readonly name: string;
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname?: string;
  readonly gname?: string;
  /**
   * How many names of the stream mean this file (itself and the hard links to it), where the producer knows.
   * A cpio archive needs it before the content; a file that does not say may turn out to have links.
   */
  readonly linkCount?: number;
  /** Bytes of content: 0 unless `type` is `file`. */
  readonly sizeBytes: number;
  /** Seconds since 1970, possibly fractional. */
  readonly mtime: number;
  /** Target of a symlink (as written), or of a hard link (a member's `name`). */
  readonly linkName?: string;
  /** For `char` and `block`. */
  readonly deviceMajor?: number;
  readonly deviceMinor?: number;
  /** Extended attributes by full name, e.g. `security.capability` (pax `SCHILY.xattr.*`). */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
  /** Other pax records, e.g. `LINUXKIT.source`. */
  readonly pax?: ReadonlyMap<string, string>;
}

/**
 * A member and its content. The body of a member read from a stream must be consumed (or skipped by asking for
 * the next member) in order; it yields exactly `sizeBytes` bytes in chunks of any length. A chunk does not change
 * after it was yielded, unless its reader gives it back (see {@link recycle}).
 */
export interface ArchiveEntry {
  readonly header: EntryHeader;
  readonly body: AsyncIterable<Uint8Array>;
}

/** A stream of members: what composers produce and output formats consume. Later members replace earlier. */
export type EntryStream = AsyncIterable<ArchiveEntry>;

/** The body of a member without content. */
export const emptyBody: AsyncIterable<Uint8Array> = {
  async *[Symbol.asyncIterator]() {},
};

/** The body of a member whose content is at hand. */
export function bytesBody(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  return {
    async *[Symbol.asyncIterator]() {
      if (bytes.length > 0) yield bytes;
    },
  };
}

/** All of a member's content, which the caller has found small enough for memory. The bytes are the caller's. */
export async function bodyBytes({ header, body }: ArchiveEntry): Promise<Uint8Array> {
  const bytes = new Uint8Array(header.sizeBytes);
  let filled = 0;
  for await (const chunk of body) {
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  return bytes;
}
