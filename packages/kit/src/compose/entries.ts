import { type ArchiveEntry, bytesBody, type EntryHeader, emptyBody } from '@orlop/archive';

/** The time of everything that does not come from an image: LinuxKit's, 2017-04-18T16:30:00Z. */
export const GENERATED_MTIME = 1_492_533_000;

/** Where an entry comes from; travels in pax records, as LinuxKit's tools expect. */
export interface Origin {
  /** The image's full reference, or `linuxkit.files`, `linuxkit.volumes`, `empty`. */
  readonly source: string;
  /** `kernel`, `init[0]`, `services[2]`, … */
  readonly location: string;
  /** Of the image's manifest: tells whether content of an older image file can be used again. */
  readonly digest?: string;
}

const SOURCE_RECORD = 'LINUXKIT.source';
export const LOCATION_RECORD = 'LINUXKIT.location';
export const DIGEST_RECORD = 'ORLOP.digest';

/** The header with its origin in its pax records, beside those that it has. */
export function withOrigin(header: EntryHeader, origin: Origin): EntryHeader {
  const pax = new Map(header.pax);
  pax.set(SOURCE_RECORD, origin.source);
  pax.set(LOCATION_RECORD, origin.location);
  if (origin.digest !== undefined) pax.set(DIGEST_RECORD, origin.digest);
  return { ...header, pax };
}

/** Owner and permissions of a generated entry. */
export interface EntryAccess {
  readonly mode?: number;
  /** @default 0 */
  readonly uid?: number;
  /** @default 0 */
  readonly gid?: number;
}

/** A folder that no image has; 0755 unless said. */
export function directoryEntry(name: string, origin: Origin, access: EntryAccess = {}): ArchiveEntry {
  return generated({ ...plainHeader(name, access, 0o755), type: 'directory' }, origin);
}

/** A file that no image has; text is UTF-8; 0644 unless said. */
export function fileEntry(
  name: string,
  content: string | Uint8Array,
  { origin, ...access }: EntryAccess & { readonly origin?: Origin },
): ArchiveEntry {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const header: EntryHeader = {
    ...plainHeader(name, access, 0o644),
    type: 'file',
    sizeBytes: bytes.length,
    linkCount: 1,
  };
  const entry = origin === undefined ? { header } : generated(header, origin);
  return { header: entry.header, body: bytesBody(bytes) };
}

/** A symbolic link that no image has. */
export function symlinkEntry(
  name: string,
  target: string,
  { origin, ...access }: EntryAccess & { readonly origin: Origin },
): ArchiveEntry {
  return generated({ ...plainHeader(name, access, 0o777), type: 'symlink', linkName: target }, origin);
}

/** A folder and all the folders above it, as LinuxKit repeats them before each thing that it puts there. */
export function* folderEntries(path: string, origin: Origin): Generator<ArchiveEntry> {
  const parts = path.split('/');
  for (let depth = 1; depth <= parts.length; depth++) {
    yield directoryEntry(parts.slice(0, depth).join('/'), origin);
  }
}

function generated(header: EntryHeader, origin: Origin): ArchiveEntry {
  return { header: withOrigin(header, origin), body: emptyBody };
}

function plainHeader(name: string, access: EntryAccess, mode: number): Omit<EntryHeader, 'type'> {
  return {
    name,
    mode: access.mode ?? mode,
    uid: access.uid ?? 0,
    gid: access.gid ?? 0,
    sizeBytes: 0,
    mtime: GENERATED_MTIME,
  };
}
