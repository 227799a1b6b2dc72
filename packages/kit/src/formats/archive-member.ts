import type { ArchiveEntry } from '@orlop/archive';
import type { FileNode } from '@orlop/disk';
import { GENERATED_MTIME } from '../compose/entries.ts';

/** A plain file as a member of an archive that a format makes. */
export function archiveMember(
  name: string,
  sizeBytes: number,
  body: AsyncIterable<Uint8Array>,
): ArchiveEntry {
  return {
    header: { name, type: 'file', mode: 0o644, uid: 0, gid: 0, sizeBytes, mtime: GENERATED_MTIME },
    body,
  };
}

/** The same of a node's content. */
export function fileMember(name: string, file: FileNode): ArchiveEntry {
  return archiveMember(name, file.sizeBytes, file.open());
}
