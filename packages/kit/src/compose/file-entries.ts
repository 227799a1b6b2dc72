import { type ArchiveEntry, emptyBody } from '@orlop/archive';
import {
  directoryEntry,
  fileEntry,
  GENERATED_MTIME,
  type Origin,
  symlinkEntry,
  withOrigin,
} from './entries.ts';
import type { RootLayout } from './root-layout.ts';
import type { FilePlan } from './rootfs-plan.ts';

/** A file of the section `files`, after the parents that the root lacks: existing ones are left as they are. */
export function* filePlanEntries(
  file: FilePlan,
  { layout, origin }: { layout: RootLayout; origin: Origin },
): Generator<ArchiveEntry> {
  const { path, mode, uid, gid, content } = file;
  const parents = path.split('/').slice(0, -1);
  for (let depth = 1; depth <= parents.length; depth++) {
    const parent = parents.slice(0, depth).join('/');
    if (layout.hasFolder(parent)) continue;
    yield* layout.place(directoryEntry(parent, origin, { mode: parentMode(file), uid, gid }), origin);
  }
  yield* layout.place(fileAt(file, { path, mode, uid, gid, content, origin }), origin);
}

function fileAt(
  file: FilePlan,
  { path, mode, uid, gid, content, origin }: Omit<FilePlan, 'location'> & { readonly origin: Origin },
): ArchiveEntry {
  switch (content.kind) {
    case 'directory':
      return directoryEntry(path, origin, { mode, uid, gid });
    case 'symlink':
      return symlinkEntry(path, content.target, { origin, mode, uid, gid });
    case 'bytes':
      return fileEntry(path, content.bytes, { origin, mode, uid, gid });
    case 'source': {
      const header = {
        name: file.path,
        type: 'file',
        mode,
        uid,
        gid,
        sizeBytes: content.sizeBytes,
        mtime: GENERATED_MTIME,
        linkCount: 1,
      } as const;
      return {
        header: withOrigin(header, origin),
        body: content.sizeBytes === 0 ? emptyBody : content.read(),
      };
    }
  }
}

/** A new parent can be entered by whoever can do anything with the file. */
function parentMode({ mode, content }: FilePlan): number {
  const base = content.kind === 'symlink' ? 0o755 : mode & 0o777;
  let parent = base;
  for (const shift of [6, 3, 0]) if (((base >> shift) & 0o7) !== 0) parent |= 1 << shift;
  return parent;
}
