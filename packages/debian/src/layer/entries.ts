import { type ArchiveEntry, type EntryHeader, emptyBody } from '@orlop/archive';

/** The header of an entry that a definition makes: root's, of the first of January 1970. */
export function ownHeader(
  fields: Pick<EntryHeader, 'name' | 'type' | 'mode'> & Partial<EntryHeader>,
): EntryHeader {
  return { uid: 0, gid: 0, sizeBytes: 0, mtime: 0, ...fields };
}

/** A symbolic link that the definition makes, and no package has. */
export function ownSymlink(name: string, linkName: string): ArchiveEntry {
  return { header: ownHeader({ name, type: 'symlink', mode: 0o777, linkName }), body: emptyBody };
}
