import { defineErrors } from '@orlop/core';

/** Every failure of this package. The message names the member and the offset in the archive where known. */
export const archiveError = defineErrors({
  /** The stream ends inside a header or a member. */
  'archive.truncated': 'invalid',
  /** A header, an extended record or a trailer that no archiver writes. */
  'archive.malformed': 'invalid',
  /** A name that leads out of the archive's root, or is no name. */
  'archive.unsafe-name': 'invalid',
  /** A kind of member that is not supported, such as a sparse file. */
  'archive.unsupported': 'invalid',
  /** One of the {@link ArchiveLimits} is exceeded. */
  'archive.limit': 'invalid',
  /** The member does not fit the format to write, such as 4 GiB in a cpio archive. */
  'archive.too-large': 'invalid',
  /** A hard link to a member that the stream does not hold before it. */
  'archive.link-target': 'invalid',
  /** A body has another length than its header says. */
  'archive.size-mismatch': 'integrity',
});
