/** Bounds on what a reader takes from a source that may be hostile. */
export interface ArchiveLimits {
  /** Members of the archive. @default 2_000_000 */
  readonly maxEntries?: number;
  /** Content of one member. @default unlimited */
  readonly maxEntryBytes?: number;
  /** Content of all members together. @default unlimited */
  readonly maxTotalBytes?: number;
  /** Extended headers of one member: names, attributes, other records. @default 1 MiB */
  readonly maxExtendedBytes?: number;
}

export const DEFAULT_LIMITS: Required<ArchiveLimits> = {
  maxEntries: 2_000_000,
  maxEntryBytes: Number.MAX_SAFE_INTEGER,
  maxTotalBytes: Number.MAX_SAFE_INTEGER,
  maxExtendedBytes: 1 << 20,
};

/** Longest name and link target, with room above Linux's PATH_MAX (4096). */
export const MAX_NAME_BYTES = 8192;
